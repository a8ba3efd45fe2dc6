"""HotelReservation of DeathStarBench as a graph: names, ports, stores and edges are its own.

Its services find one another by name (Consul in the original) and carry no addresses in their
environment. Sizes and rates are ours.
"""

from random import Random

from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    Variable,
)

_IMAGE = "yinfangchen/hotelreservation:latest"
PORTS = {
    "search": 8082,
    "geo": 8083,
    "rate": 8084,
    "recommendation": 8085,
    "user": 8086,
    "reservation": 8087,
    "profile": 8081,
}
CALLS: dict[str, tuple[tuple[str, float, bool], ...]] = {
    "frontend": (
        ("search", 0.6, True),
        ("profile", 0.95, True),
        ("recommendation", 0.35, True),
        ("user", 0.3, True),
        ("reservation", 0.65, True),
    ),
    "search": (("geo", 1.0, True), ("rate", 1.0, True)),
    "geo": (("mongodb-geo", 0.6, True),),
    "rate": (("memcached-rate", 1.0, False), ("mongodb-rate", 0.5, True)),
    "profile": (("memcached-profile", 1.0, False), ("mongodb-profile", 0.5, True)),
    "recommendation": (("mongodb-recommendation", 0.8, True),),
    "user": (("mongodb-user", 0.8, True),),
    "reservation": (("memcached-reserve", 1.0, False), ("mongodb-reservation", 0.6, True)),
}
"""caller -> (callee, calls a request, whether the caller fails with it)."""
_ADMIN = "MONGO_INITDB_ROOT_USERNAME"


def _address(target: str) -> str:
    if target.startswith("mongodb-"):
        return f"{target}:27017"
    return f"{target}:11211" if target.startswith("memcached-") else f"{target}:{PORTS[target]}"


def _calls(name: str) -> tuple[Call, ...]:
    return tuple(
        Call(
            target=target,
            address=_address(target),
            share=share,
            critical=critical,
            user_variable="MONGO_USER" if target.startswith("mongodb-") else None,
        )
        for target, share, critical in CALLS.get(name, ())
    )


def _service(name: str, rng: Random) -> Component:
    entry = name == "frontend"
    port = 5000 if entry else PORTS[name]
    program = Program(
        name=name,
        protocol=Protocol.HTTP if entry else Protocol.GRPC,
        port=port,
        memory=rng.randint(28, 70),
        idle=8,
        cost=0.9,
        latency=4.0,
        start=2,
        calls=_calls(name),
    )
    stores = any(call.target.startswith("mongodb-") for call in program.calls)
    return Component(
        name=name,
        program=program,
        image=_IMAGE,
        container=f"hotel-reserv-{name}",
        port_name="http" if entry else name,
        service_port=port,
        command=(name,),
        variables=(Variable(name="MONGO_USER", value="admin"),) if stores else (),
        readiness="tcp",
    )


def _store(name: str, rng: Random) -> Component:
    mongo = name.startswith("mongodb-")
    port = 27017 if mongo else 11211
    program = Program(
        name=name,
        protocol=Protocol.MONGO if mongo else Protocol.MEMCACHED,
        port=port,
        memory=rng.randint(90, 160) if mongo else rng.randint(10, 20),
        idle=10,
        cost=0.4,
        latency=1.5,
        start=3 if mongo else 1,
        account_variable=_ADMIN if mongo else None,
    )
    return Component(
        name=name,
        program=program,
        image="mongo:4.4.6" if mongo else "memcached:1.6.7",
        container=f"hotel-reserv-{name}",
        port_name=name[:15].rstrip("-"),
        service_port=port,
        variables=(Variable(name=_ADMIN, value="admin"),) if mongo else (),
        limits=("1", "512Mi"),
        readiness="tcp",
        volume=f"{name.removeprefix('mongodb-')}-pvc" if mongo else None,
    )


def _infrastructure(name: str, image: str, port: int, rng: Random) -> Component:
    program = Program(
        name=name,
        protocol=Protocol.HTTP,
        port=port,
        memory=rng.randint(40, 80),
        idle=12,
        cost=0.1,
        latency=1.0,
        start=2,
    )
    return Component(
        name=name,
        program=program,
        image=image,
        container=f"hotel-reserv-{name}",
        port_name="http",
        service_port=port,
    )


def hotel(rng: Random) -> Application:
    """Return HotelReservation in a namespace of its own."""
    stores = {target: None for calls in CALLS.values() for target, _, _ in calls}
    components = [_service("frontend", rng), *(_service(name, rng) for name in PORTS)]
    components += [_store(name, rng) for name in stores if name not in PORTS]
    components.append(_infrastructure("consul", "hashicorp/consul:1.9", 8500, rng))
    components.append(_infrastructure("jaeger", "jaegertracing/all-in-one:1.57", 16686, rng))
    return Application(
        name="hotel",
        namespace=f"hotel-{rng.getrandbits(20):05x}",
        entry="frontend",
        load=float(rng.randint(40, 120)),
        components=tuple(components),
        label="io.kompose.service",
        nodes=("kind-control-plane", "kind-worker", "kind-worker2"),
        spare_images=tuple(
            (f"yinfangchen/hotelreservation:{tag}", name)
            for tag in ("v1.0", "v1.1")
            for name in ("frontend", *PORTS)
        ),
    )
