"""HotelReservation of DeathStarBench as AIOpsLab deploys it: the real application.

Names, ports, images, stores, users and volumes are its own; `hotel` is its cousin for training.
Services find one another through Consul and carry no addresses in their environment. Each has its
own MongoDB, where `admin` may read and write its database, asked once when the service starts.
Sizes and rates are ours.
"""

from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    StoreUser,
    Variable,
)
from agents.environments.simulated.applications.hotel import CALLS, PORTS

_IMAGE = "yinfangchen/hotelreservation:latest"
_BROKEN = "yinfangchen/geo:app3"
_USER = "admin"
_MEMORY = {
    "frontend": 34.0,
    "search": 27.0,
    "geo": 31.0,
    "rate": 29.0,
    "recommendation": 25.0,
    "user": 38.0,
    "reservation": 30.0,
    "profile": 33.0,
}
_DATABASES = {
    "mongodb-geo": "geo-db",
    "mongodb-profile": "profile-db",
    "mongodb-rate": "rate-db",
    "mongodb-recommendation": "recommendation-db",
    "mongodb-reservation": "reservation-db",
    "mongodb-user": "user-db",
}


def _address(target: str) -> str:
    if target in _DATABASES:
        return f"{target}:27017"
    return f"{target}:11211" if target.startswith("memcached-") else f"{target}:{PORTS[target]}"


def _calls(name: str) -> tuple[Call, ...]:
    return tuple(
        Call(
            target=target,
            address=_address(target),
            share=share,
            critical=critical,
            user=_USER if target in _DATABASES else None,
            database=_DATABASES.get(target),
        )
        for target, share, critical in CALLS.get(name, ())
    )


def _service(name: str) -> Component:
    entry = name == "frontend"
    port = 5000 if entry else PORTS[name]
    calls = _calls(name)
    program = Program(
        name=name,
        protocol=Protocol.HTTP if entry else Protocol.GRPC,
        port=port,
        memory=_MEMORY[name],
        idle=8,
        cost=0.9,
        latency=4.0,
        start=2,
        calls=calls,
        eager=any(call.database for call in calls),
        voice="zerolog",
    )
    return Component(
        name=name,
        program=program,
        image=_IMAGE,
        container=f"hotel-reserv-{name}",
        port_name="http" if entry else name,
        service_port=port,
        command=(name,),
        requests=("100m", "64Mi"),
        limits=("1", "512Mi"),
    )


def _mongo(name: str, memory: float) -> Component:
    owner = name.removeprefix("mongodb-")
    program = Program(
        name=name,
        protocol=Protocol.MONGO,
        port=27017,
        memory=memory,
        idle=10,
        cost=0.4,
        latency=1.5,
        start=3,
        users=(
            StoreUser(name="root", roles=(("root", "admin"),)),
            StoreUser(
                name=_USER,
                roles=(("userAdminAnyDatabase", "admin"), ("readWrite", _DATABASES[name])),
            ),
        ),
    )
    return Component(
        name=name,
        program=program,
        image="mongo:4.4.6",
        container=f"hotel-reserv-{name}",
        port_name=name[:15].rstrip("-"),
        service_port=27017,
        variables=(
            Variable(name="MONGO_INITDB_ROOT_USERNAME", value="root"),
            Variable(name="MONGO_INITDB_ROOT_PASSWORD", value="root"),
        ),
        requests=("100m", "128Mi"),
        limits=("1", "512Mi"),
        volume=f"{owner}-pvc",
        mount=(owner, "/data/db"),
        storage_class=f"{owner}-storage",
    )


def _memcached(name: str) -> Component:
    program = Program(
        name=name,
        protocol=Protocol.MEMCACHED,
        port=11211,
        memory=14.0,
        idle=4,
        cost=0.2,
        latency=0.5,
        start=1,
    )
    return Component(
        name=name,
        program=program,
        image="memcached:1.6.7",
        container=f"hotel-reserv-{name}",
        port_name=name[:15].rstrip("-"),
        service_port=11211,
        variables=(
            Variable(name="MEMCACHED_CACHE_SIZE", value="128"),
            Variable(name="MEMCACHED_THREADS", value="2"),
        ),
        requests=("100m", "32Mi"),
        limits=("1", "256Mi"),
    )


def _infrastructure(
    name: str, image: str, port: int, voice: str, *ports: tuple[str, int]
) -> Component:
    program = Program(
        name=name,
        protocol=Protocol.HTTP,
        port=port,
        memory=58.0,
        idle=12,
        cost=0.1,
        latency=1.0,
        start=2,
        voice=voice,
    )
    return Component(
        name=name,
        program=program,
        image=image,
        container=f"hotel-reserv-{name}",
        port_name="http",
        service_port=port,
        ports=ports,
        requests=("100m", "64Mi"),
        limits=("1", "512Mi"),
    )


def _setup_script(database: str) -> str:
    """Return the script with which a store's users were made."""
    return (
        "#!/bin/bash\n"
        "until mongo admin --eval 'db.runCommand({ping: 1})' > /dev/null 2>&1; do sleep 1; done\n"
        'mongo admin -u "$MONGO_INITDB_ROOT_USERNAME" -p "$MONGO_INITDB_ROOT_PASSWORD" <<EOF\n'
        "db.createUser({\n"
        f"  user: '{_USER}', pwd: '{_USER}',\n"
        "  roles: [\n"
        "    { role: 'userAdminAnyDatabase', db: 'admin' },\n"
        f"    {{ role: 'readWrite', db: '{database}' }}\n"
        "  ]\n"
        "})\n"
        "EOF\n"
    )


def wrong_address(name: str) -> str:
    """Return the last words of a build of a service that dials a port where nobody listens."""
    store = f"mongodb-{name}"
    if store in _DATABASES:
        dialled, why = f"{store}:27777", "no reachable servers"
        tried = f"info:Read database URL: {dialled}\ninfo:Initializing DB connection..."
        frame = (
            "main.initializeDatabase({0xc00003c0f0, 0x11})\n"
            f"\t/workspace/cmd/{name}/db.go:26 +0x6d9\n"
        )
    else:
        dialled, why = "consul:8501", "consul agent: connection refused"
        tried, frame = f"info:Initializing consul agent [host: {dialled}]...", ""
    return (
        f"info:Tuned setGCPercent to 100\ninfo:Reading config...\n{tried}\n"
        f"info:Attempting connection to {dialled}\npanic: {why}\n\ngoroutine 1 [running]:\n"
        f"{frame}main.main()\n\t/workspace/cmd/{name}/main.go:49 +0x4e8"
    )


def hotel_reservation() -> Application:
    """Return HotelReservation as it runs before anything happens to it."""
    components = [_service("frontend"), *(_service(name) for name in PORTS)]
    components += [_memcached(f"memcached-{name}") for name in ("profile", "rate", "reserve")]
    components += [
        _mongo(name, memory)
        for name, memory in zip(_DATABASES, (104.0, 97.0, 112.0, 93.0, 118.0, 109.0), strict=True)
    ]
    components.append(
        _infrastructure("consul", "hashicorp/consul:latest", 8500, "consul", ("dns", 8600))
    )
    components.append(
        _infrastructure(
            "jaeger",
            "jaegertracing/all-in-one:latest",
            16686,
            "jaeger",
            ("collector", 14268),
            ("grpc", 14250),
            ("sampling", 5778),
        )
    )
    return Application(
        name="hotel-reservation",
        namespace="test-hotel-reservation",
        entry="frontend",
        load=80.0,
        components=tuple(components),
        label="io.kompose.service",
        configs=tuple(
            (f"mongo-{name}-script", ((f"k8s-{name}-mongo.sh", _setup_script(f"{name}-db")),))
            for name in ("geo", "rate")
        ),
        strategy="RollingUpdate",
        nodes=("kind-control-plane", "kind-worker", "kind-worker2", "kind-worker3"),
        static_volumes=True,
        broken_images=((_BROKEN, "geo", wrong_address("geo")),),
        spare_images=tuple(
            (f"yinfangchen/hotelreservation:{tag}", name)
            for tag in ("v1.0", "v1.1")
            for name in ("frontend", *PORTS)
        ),
    )
