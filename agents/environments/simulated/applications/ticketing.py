"""A ticket office, an application of our own: small enough to read in a minute.

It shows how an application is added (docs/lab.md): a graph of components, nothing else.
"""

from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    Variable,
)

_REGISTRY = "registry.ticketing.example"
_EDGES: dict[str, tuple[tuple[str, float, bool], ...]] = {
    "gateway": (("booking", 0.5, True), ("search", 0.7, True)),
    "booking": (("payments", 0.6, True), ("booking-db", 1.0, True)),
    "search": (("search-cache", 1.0, False), ("catalog", 0.8, True)),
    "catalog": (("catalog-db", 0.9, True),),
    "payments": (),
}
_STORES = {
    "booking-db": (Protocol.POSTGRES, 5432, "postgres:16.3"),
    "catalog-db": (Protocol.POSTGRES, 5432, "postgres:16.3"),
    "search-cache": (Protocol.REDIS, 6379, "redis:7.2-alpine"),
}


def _port(name: str) -> int:
    return _STORES[name][1] if name in _STORES else 8080


def _variable(target: str) -> str:
    return f"{target.upper().replace('-', '_')}_ADDR"


def _service(name: str) -> Component:
    edges = _EDGES[name]
    program = Program(
        name=name,
        protocol=Protocol.HTTP,
        port=8080,
        memory=70.0,
        idle=6,
        cost=0.8,
        latency=4.0,
        start=3,
        calls=tuple(
            Call(
                target=target,
                address=f"{target}:{_port(target)}",
                share=share,
                critical=critical,
                variable=_variable(target),
            )
            for target, share, critical in edges
        ),
    )
    return Component(
        name=name,
        program=program,
        image=f"{_REGISTRY}/{name}:2.4.1",
        container=name,
        port_name="http",
        service_port=8080,
        variables=tuple(
            Variable(name=_variable(target), value=f"{target}:{_port(target)}")
            for target, _, _ in edges
        ),
        readiness="http",
    )


def _store(name: str) -> Component:
    protocol, port, image = _STORES[name]
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=90.0,
        idle=8,
        cost=0.4,
        latency=1.5,
        start=3,
    )
    return Component(
        name=name,
        program=program,
        image=image,
        container=protocol.value,
        port_name=protocol.value,
        service_port=port,
        limits=("1", "512Mi"),
        readiness="tcp",
        volume=f"{name}-data" if protocol is Protocol.POSTGRES else None,
    )


def ticketing() -> Application:
    """Return the ticket office: the gateway is what users reach."""
    return Application(
        name="ticketing",
        namespace="ticketing",
        entry="gateway",
        load=60.0,
        components=(*map(_service, _EDGES), *map(_store, _STORES)),
        nodes=("worker-1", "worker-2"),
    )
