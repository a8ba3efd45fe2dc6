"""Invented applications: names, depth, fan-out, stores, ports, images and sizes from a seed.

Invariant: the same generator state gives the same application; every component but the
infrastructure lies on a path of critical calls from the entry or beside it as a cache.
"""

from dataclasses import dataclass
from random import Random

from agents.environments.simulated.applications import vocabulary
from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    Variable,
)
from agents.environments.simulated.dice import happens

_PORTS = {
    Protocol.MONGO: 27017,
    Protocol.POSTGRES: 5432,
    Protocol.REDIS: 6379,
    Protocol.MEMCACHED: 11211,
}
_STORE_IMAGES = {
    Protocol.MONGO: ("mongo:4.4.6", "mongo:6.0.14", "mongo:7.0"),
    Protocol.POSTGRES: ("postgres:14.11", "postgres:16-alpine", "postgres:15"),
    Protocol.REDIS: ("redis:7.2-alpine", "redis:6.2", "redis:7.0.15"),
    Protocol.MEMCACHED: ("memcached:1.6.7", "memcached:1.6-alpine"),
}
_STORE_NAMES = {
    Protocol.MONGO: ("mongodb-{0}", "{0}-mongodb", "{0}-mongo", "{0}-db"),
    Protocol.POSTGRES: ("{0}-postgres", "postgres-{0}", "{0}-db", "{0}-pg"),
    Protocol.REDIS: ("{0}-redis", "redis-{0}", "{0}-cache", "{0}-kv"),
    Protocol.MEMCACHED: ("memcached-{0}", "{0}-memcached", "{0}-mc"),
}
_ACCOUNTS = {
    Protocol.MONGO: "MONGO_INITDB_ROOT_USERNAME",
    Protocol.POSTGRES: "POSTGRES_USER",
}
_MOST_COMPONENTS = 18
_ADDRESS_FORMS = ("{n}_ADDR", "{n}_URL", "{n}_ENDPOINT", "{n}_HOST", "{n}_SERVICE_ADDR")


@dataclass(slots=True)
class _Draft:
    """What an application has in common while its components are made."""

    rng: Random
    suffix: str
    registry: str
    tag: str
    protocol: Protocol
    ports: list[int]
    variable_form: str
    scheme: bool
    config: str
    secret: str
    probes: float


def _draft(rng: Random, app: str) -> _Draft:
    word = vocabulary.pseudo_word(rng)
    first = rng.choice((3000, 5000, 7000, 8080, 9000, 9090, 50050))
    ports = [first] * 24 if happens(rng, 0.3) else [first + index for index in range(24)]
    return _Draft(
        rng=rng,
        suffix=rng.choice(vocabulary.SUFFIXES),
        registry=rng.choice(vocabulary.REGISTRIES).format(word=word, app=app),
        tag=vocabulary.release(rng),
        protocol=rng.choice((Protocol.HTTP, Protocol.GRPC)),
        ports=ports,
        variable_form=rng.choice(_ADDRESS_FORMS),
        scheme=happens(rng, 0.3),
        config=f"{app}-{rng.choice(('config', 'settings', 'env'))}",
        secret=f"{app}-{rng.choice(('credentials', 'secrets', 'auth'))}",
        probes=rng.choice((0.6, 0.9, 1.0)),
    )


def _variable_name(draft: _Draft, target: str) -> str:
    return draft.variable_form.format(n=target.upper().replace("-", "_").replace(".", "_"))


def _address_value(draft: _Draft, address: str, protocol: Protocol) -> str:
    if "URL" in draft.variable_form or "ENDPOINT" in draft.variable_form:
        return f"{protocol.value if draft.scheme else 'http'}://{address}"
    return address


def _tree(rng: Random, count: int) -> list[int]:
    """Return each service's parent (-1 for the entry), three to five layers deep."""
    depth_limit = rng.randint(2, 4)
    parents, depths = [-1], [0]
    for index in range(1, count):
        choices = [other for other in range(index) if depths[other] < depth_limit]
        parent = rng.choice(choices[-rng.randint(1, len(choices)) :])
        parents.append(parent)
        depths.append(depths[parent] + 1)
    return parents


def _store(draft: _Draft, owner: str, protocol: Protocol, taken: set[str]) -> Component:
    rng = draft.rng
    name = rng.choice(_STORE_NAMES[protocol]).format(owner)
    while name in taken:
        name += rng.choice("abcdefgh")
    port = _PORTS[protocol]
    account = _ACCOUNTS.get(protocol)
    durable = protocol in (Protocol.MONGO, Protocol.POSTGRES)
    memory = rng.randint(80, 220) if durable else rng.randint(8, 60)
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=memory,
        idle=rng.randint(6, 15),
        cost=0.3,
        latency=rng.uniform(0.6, 2.5),
        start=rng.randint(1, 4),
        account_variable=account,
    )
    variables: tuple[Variable, ...] = ()
    if account:
        password = account.replace("USERNAME", "PASSWORD").replace("USER", "PASSWORD")
        variables = (
            Variable(name=account, value=rng.choice(vocabulary.USERS)),
            Variable(name=password, secret=draft.secret, key="db-password"),
        )
    return Component(
        name=name,
        program=program,
        image=rng.choice(_STORE_IMAGES[protocol]),
        container=rng.choice((name, protocol.value, "db" if durable else "cache")),
        port_name=protocol.value,
        service_port=port,
        variables=variables,
        requests=("100m", "128Mi") if durable else ("20m", "32Mi"),
        limits=("1", "512Mi") if durable else ("200m", "128Mi"),
        readiness="tcp" if happens(rng, draft.probes) else None,
        volume=f"{name}-data" if durable and happens(rng, 0.7) else None,
    )


def _call(draft: _Draft, target: Component, *, critical: bool) -> tuple[Call, list[Variable]]:
    rng = draft.rng
    protocol = target.program.protocol
    address = f"{target.name}:{target.service_port}"
    variable = _variable_name(draft, target.name) if happens(rng, 0.93) else None
    variables = []
    if variable:
        value = _address_value(draft, address, protocol)
        variables.append(Variable(name=variable, value=value))
    user_variable = None
    account = target.program.account_variable
    if account:
        user_variable = f"{target.name.upper().replace('-', '_')}_USER"
        user = next(item.value for item in target.variables if item.name == account)
        variables.append(Variable(name=user_variable, value=user))
    call = Call(
        target=target.name,
        address=address,
        share=rng.uniform(0.72, 1.0),
        critical=critical,
        variable=variable,
        user_variable=user_variable,
    )
    return call, variables


def _service(draft: _Draft, name: str, index: int, targets: list[Component]) -> Component:
    rng = draft.rng
    calls, variables = [], []
    for target in targets:
        cache = target.program.protocol in (Protocol.REDIS, Protocol.MEMCACHED)
        call, more = _call(draft, target, critical=not cache or happens(rng, 0.4))
        calls.append(call)
        variables += more
    if happens(rng, 0.6):
        variables.append(
            Variable(name="LOG_LEVEL", config_map=draft.config, key="log.level")
            if happens(rng, 0.7)
            else Variable(name="LOG_LEVEL", value="info")
        )
    protocol = Protocol.HTTP if index == 0 else draft.protocol
    port = draft.ports[index]
    memory = rng.randint(24, 150)
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=memory,
        idle=rng.randint(3, 12),
        cost=rng.uniform(0.3, 1.2),
        latency=rng.uniform(1.0, 9.0),
        start=rng.randint(1, 6),
        calls=tuple(calls),
        needs=("LOG_LEVEL",) if any(v.name == "LOG_LEVEL" for v in variables) else (),
    )
    probed = happens(rng, draft.probes) or index == 0
    web = protocol is Protocol.HTTP and happens(rng, 0.6)
    probe = "http" if web else "tcp"
    return Component(
        name=name,
        program=program,
        image=f"{draft.registry}/{name}:{draft.tag}",
        container=rng.choice((name, name, "app", "server")),
        port_name=rng.choice(("http", "web")) if protocol is Protocol.HTTP else "grpc",
        service_port=80 if protocol is Protocol.HTTP and happens(rng, 0.25) else port,
        replicas=2 if happens(rng, 0.12) else 1,
        variables=tuple(variables),
        requests=(f"{rng.choice((20, 50, 100))}m", f"{rng.choice((32, 64, 128))}Mi"),
        limits=(rng.choice(("500m", "1")), f"{rng.choice((256, 384, 512))}Mi"),
        readiness=probe if probed else None,
        liveness=probe if probed and happens(rng, 0.4) else None,
    )


def _tracing(draft: _Draft) -> Component:
    name = draft.rng.choice(("jaeger", "otel-collector", "zipkin", "statsd"))
    program = Program(
        name=name,
        protocol=Protocol.HTTP,
        port=9411,
        memory=60,
        idle=8,
        cost=0.1,
        latency=1.0,
        start=2,
    )
    return Component(
        name=name,
        program=program,
        image=f"{name}/{name}:{draft.rng.randint(1, 3)}.{draft.rng.randint(0, 60)}",
        container=name,
        port_name="http",
        service_port=9411,
    )


def procedural(rng: Random) -> Application:
    """Return an invented application of 7 to 18 components."""
    total = rng.randint(7, _MOST_COMPONENTS)
    app = rng.choice(vocabulary.NOUNS)
    draft = _draft(rng, app)
    service_count = max(4, round(total * rng.uniform(0.5, 0.75)))
    words = vocabulary.names(rng, service_count)
    if happens(rng, 0.5):
        words[0] = rng.choice(("frontend", "gateway", "web", "edge", "ui", "api"))
    owners = {index: f"{word}{draft.suffix}" for index, word in enumerate(words)}
    parents = _tree(rng, service_count)
    with_store = rng.sample(
        range(1, service_count), k=min(total - service_count, service_count - 1)
    )
    made: dict[int, Component] = {}
    stores: list[Component] = []
    for index in reversed(range(service_count)):
        targets = [
            made[child] for child in range(index + 1, service_count) if parents[child] == index
        ]
        if index in with_store:
            protocol = rng.choice(
                (Protocol.MONGO, Protocol.POSTGRES, Protocol.REDIS, Protocol.MEMCACHED)
            )
            taken = {store.name for store in stores} | set(owners.values())
            stores.append(_store(draft, words[index], protocol, taken))
            targets.append(stores[-1])
        made[index] = _service(draft, owners[index], index, targets)
    components = [made[index] for index in range(service_count)] + stores
    if happens(rng, 0.5) and len(components) < _MOST_COMPONENTS:
        components.append(_tracing(draft))
    return _application(draft, app, components)


def _application(draft: _Draft, app: str, components: list[Component]) -> Application:
    rng = draft.rng
    settings = (("log.level", "info"), ("region", rng.choice(("eu-1", "us-2", "ap-3"))))
    label = rng.choice(vocabulary.LABELS)
    spare = [
        (f"{component.image.rsplit(':', 1)[0]}:{vocabulary.release(rng)}", component.name)
        for component in components
        if component.image.startswith(draft.registry)
    ]
    return Application(
        name=app,
        namespace=f"{app}-{rng.getrandbits(20):05x}",
        entry=components[0].name,
        load=float(rng.randint(8, 90)),
        components=tuple(components),
        label=label,
        part_of=app if happens(rng, 0.5) else None,
        strategy=rng.choice(("Recreate", "RollingUpdate")),
        configs=((draft.config, settings),),
        secrets=((draft.secret, ("db-password",)),),
        accounts=(f"{app}-runner",) if happens(rng, 0.5) else (),
        nodes=rng.choice(vocabulary.NODES),
        storage_class=rng.choice(("standard", "gp3", "local-path")),
        spare_images=tuple(spare),
    )
