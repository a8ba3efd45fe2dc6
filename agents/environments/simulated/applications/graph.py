"""An application as a graph of components that call one another.

Invariant: a graph has no cycle and every call's target is a component. What a process does
follows from its `Program`, found by the image that runs; where it calls follows from its
container's environment, so an edited environment really leads it elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agents.environments.simulated.objects.pickling import quick


class Protocol(StrEnum):
    """What a component speaks on its port."""

    HTTP = "http"
    GRPC = "grpc"
    THRIFT = "thrift"
    KAFKA = "kafka"
    MONGO = "mongo"
    POSTGRES = "postgres"
    REDIS = "redis"
    MEMCACHED = "memcached"


_PORT = re.compile(r"[0-9]{1,5}")
STORES = (Protocol.MONGO, Protocol.POSTGRES, Protocol.REDIS, Protocol.MEMCACHED)
TLS_ARGUMENTS = {
    Protocol.MONGO: ("--tlsMode", "requireTLS"),
    Protocol.POSTGRES: ("-c", "ssl=require"),
    Protocol.REDIS: ("--tls-only", "yes"),
}
"""Container arguments with which a store refuses plain connections."""


class Effect(StrEnum):
    """What a feature flag does to the process that asks for it; the unit of its amount."""

    ERRORS = "errors"
    """share of requests answered with an error"""
    DELAY = "delay"
    """milliseconds more a request"""
    BURN = "burn"
    """millicores more"""
    PAUSES = "pauses"
    """milliseconds that the process stands still at a time, twice a minute"""
    LEAK = "leak"
    """MiB more a minute, and a request ever slower"""
    UNREACHABLE = "unreachable"
    """calls to `target` go to an address where nobody is"""
    FLOOD = "flood"
    """times the load at the entry"""
    LAG = "lag"
    """records a second that consumers fall behind"""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A feature flag that a program asks for, and what it does while it is on.

    complaint: what the process logs of a request that the flag spoils; empty: nothing.
    """

    name: str
    effect: Effect
    amount: float = 1.0
    target: str | None = None
    complaint: str = ""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUser:
    """A user of a data store as the store was set up. roles: (role, database)."""

    name: str
    roles: tuple[tuple[str, str], ...]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One edge. `share` is calls per request of the caller; a critical one fails its caller.

    `address` is `host:port`; `variable` overrides it where the container sets it.
    `user_variable` names the variable that holds the user for a store that knows users; `user` is
    whom it is when no variable says so. `database` is what the user must be allowed to read and
    write in a store that has `Program.users`. `port_variable` holds the port where the container
    keeps it apart from the host. `tls`: the caller speaks TLS to a store that wants it. `peers` are
    components that answer as well as the target does.
    """

    target: str
    address: str
    share: float
    critical: bool
    variable: str | None = None
    user_variable: str | None = None
    user: str | None = None
    database: str | None = None
    port_variable: str | None = None
    tls: bool = False
    peers: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What an image does when it runs.

    memory: working set in MiB; idle: millicores without load; cost: millicores per request a
    second; latency: milliseconds of its own work; start: seconds until it listens.
    `account_variable` names the variable that holds the only user that a store accepts; `users`
    are those of a store that keeps users and roles as data. `crash` is what a broken build says
    when it gives up after its start. An `eager` program asks its critical stores when it starts
    and gives up when one refuses. `voice` names a log format of its own. `further` are other ports
    on which it listens. `refuses` are (variable, value) settings, or (argument, None), with which
    it gives up, saying `last_words` and leaving with `exit_code`. `sick_paths` are HTTP paths that
    it answers with an error.
    """

    name: str
    protocol: Protocol
    port: int
    memory: float
    idle: int
    cost: float
    latency: float
    start: int
    calls: tuple[Call, ...] = ()
    needs: tuple[str, ...] = ()
    account_variable: str | None = None
    port_variable: str | None = None
    users: tuple[StoreUser, ...] = ()
    flags: tuple[Flag, ...] = ()
    crash: str = ""
    eager: bool = False
    voice: str | None = None
    further: tuple[int, ...] = ()
    refuses: tuple[tuple[str, str | None], ...] = ()
    last_words: str = ""
    exit_code: int = 1
    sick_paths: tuple[str, ...] = ()

    def listening_port(self, environment: Mapping[str, str]) -> int:
        """Return the port on which the process listens, given its environment."""
        text = environment.get(self.port_variable or "", "")
        return int(text) if _PORT.fullmatch(text) else self.port


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One environment variable: a value, or a key of a ConfigMap or Secret."""

    name: str
    value: str | None = None
    config_map: str | None = None
    secret: str | None = None
    key: str = ""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One workload with its service. Probes and sizes are Kubernetes' own texts.

    ports: (name, number) of further ports that traffic never uses. mount: (volume's name, path)
    of its claim. storage_class: the claim's own class instead of the application's. An unexposed
    component has no service.
    """

    name: str
    program: Program
    image: str
    container: str
    port_name: str
    service_port: int
    replicas: int = 1
    variables: tuple[Variable, ...] = ()
    requests: tuple[str, str] = ("50m", "64Mi")
    limits: tuple[str, str] = ("500m", "256Mi")
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    readiness: str | None = None
    liveness: str | None = None
    volume: str | None = None
    mount: tuple[str, str] = ("data", "/data")
    storage_class: str | None = None
    ports: tuple[tuple[str, int], ...] = ()
    exposed: bool = True
    account: str = "default"
    node_selector: tuple[tuple[str, str], ...] = ()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A helm release as the application's team installed it."""

    name: str
    chart: str
    app_version: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A whole application. `load` is requests a second at the entry.

    flags: (ConfigMap, key) that holds the feature flags in flagd's form, and the component that
    serves them. static_volumes: claims wait for volumes made by hand, none is provisioned.
    metrics: prefix of its own series' names. broken_images: (image, component, crash) of builds
    that give up after their start. labels and pod_labels: what objects and pods carry beside
    `label`, where `{name}` stands for the component. front: the service at which users come in,
    where it is not called as the entry is.
    """

    name: str
    namespace: str
    entry: str
    load: float
    components: tuple[Component, ...]
    label: str = "app"
    part_of: str | None = None
    strategy: str = "Recreate"
    configs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    secrets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    accounts: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ("worker-1", "worker-2", "worker-3")
    storage_class: str = "standard"
    policies: tuple[str, ...] = ()
    release: Release | None = None
    flags: tuple[str, str, str] | None = None
    static_volumes: bool = False
    metrics: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    pod_labels: tuple[tuple[str, str], ...] = ()
    broken_images: tuple[tuple[str, str, str], ...] = ()
    front: str = ""
    spare_images: tuple[tuple[str, str], ...] = field(
        default=(), metadata={"doc": "(image, component) of earlier releases that can be pulled"}
    )

    def component(self, name: str) -> Component:
        """Return the component of this name; raises KeyError."""
        for component in self.components:
            if component.name == name:
                return component
        raise KeyError(name)

    def callers(self, name: str) -> list[str]:
        """Return who calls this component, in the order of the components."""
        return [
            component.name
            for component in self.components
            if any(call.target == name for call in component.program.calls)
        ]


def behind(application: Application, name: str) -> set[str]:
    """Return the components that this one calls, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for call in application.component(waiting.pop()).program.calls:
            if call.target not in found:
                found.add(call.target)
                waiting.append(call.target)
    return found


def impact(application: Application, broken: str) -> float:
    """Return the share of entry requests that fail when nothing answers at `broken`."""
    known: dict[str, float] = {}

    def failing(name: str) -> float:
        if name == broken:
            return 1.0
        if name not in known:
            good = 1.0
            for call in application.component(name).program.calls:
                if call.critical:
                    good *= 1.0 - min(call.share, 1.0) * failing(call.target)
            known[name] = 1.0 - good
        return known[name]

    return failing(application.entry)


def nominal_load(application: Application) -> dict[str, float]:
    """Return requests a second at each component when everything works."""
    rates = dict.fromkeys((component.name for component in application.components), 0.0)
    rates[application.entry] = application.load
    for name in _callers_first(application):
        for call in application.component(name).program.calls:
            rates[call.target] += rates[name] * call.share
    return rates


def _callers_first(application: Application) -> list[str]:
    order: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for call in application.component(name).program.calls:
            visit(call.target)
        order.append(name)

    for component in application.components:
        visit(component.name)
    return order[::-1]
