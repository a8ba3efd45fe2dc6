"""SocialNetwork of DeathStarBench as its helm chart deploys it: the real application.

Names, ports, images, stores and edges are its own. Thrift services listen on 9090 and read their
peers' addresses from a mounted file, so their environment carries none. Sizes and rates are ours.
"""

from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    Release,
)

_SERVICES_IMAGE = "deathstarbench/social-network-microservices:latest"
_PORTS = {
    Protocol.THRIFT: 9090,
    Protocol.MONGO: 27017,
    Protocol.REDIS: 6379,
    Protocol.MEMCACHED: 11211,
}
_STORE_IMAGES = {
    Protocol.MONGO: "mongo:4.4.6",
    Protocol.REDIS: "redis:6.2.4",
    Protocol.MEMCACHED: "memcached:1.6.7",
}
_CALLS: dict[str, tuple[tuple[str, float, bool], ...]] = {
    "nginx-thrift": (
        ("home-timeline-service", 0.55, True),
        ("user-timeline-service", 0.3, True),
        ("compose-post-service", 0.3, True),
        ("social-graph-service", 0.05, True),
        ("user-service", 0.15, True),
    ),
    "compose-post-service": (
        ("unique-id-service", 1.0, True),
        ("text-service", 1.0, True),
        ("media-service", 0.6, True),
        ("user-service", 1.0, True),
        ("post-storage-service", 1.0, True),
        ("user-timeline-service", 1.0, True),
        ("home-timeline-service", 1.0, True),
    ),
    "home-timeline-service": (
        ("home-timeline-redis", 1.0, True),
        ("post-storage-service", 0.7, True),
        ("social-graph-service", 0.35, True),
    ),
    "user-timeline-service": (
        ("user-timeline-redis", 1.0, True),
        ("user-timeline-mongodb", 0.6, True),
        ("post-storage-service", 0.5, True),
    ),
    "post-storage-service": (
        ("post-storage-memcached", 1.0, False),
        ("post-storage-mongodb", 0.6, True),
    ),
    "social-graph-service": (
        ("social-graph-redis", 1.0, True),
        ("social-graph-mongodb", 0.6, True),
        ("user-service", 0.2, True),
    ),
    "user-service": (("user-memcached", 1.0, False), ("user-mongodb", 0.6, True)),
    "text-service": (("url-shorten-service", 0.8, True), ("user-mention-service", 0.8, True)),
    "user-mention-service": (("user-memcached", 1.0, False), ("user-mongodb", 0.6, True)),
    "url-shorten-service": (
        ("url-shorten-memcached", 0.2, False),
        ("url-shorten-mongodb", 1.0, True),
    ),
    "media-frontend": (("media-memcached", 1.0, False), ("media-mongodb", 0.6, True)),
    "unique-id-service": (),
    "media-service": (),
}
_COMMANDS = {
    "compose-post-service": "ComposePostService",
    "home-timeline-service": "HomeTimelineService",
    "user-timeline-service": "UserTimelineService",
    "post-storage-service": "PostStorageService",
    "social-graph-service": "SocialGraphService",
    "user-service": "UserService",
    "user-mention-service": "UserMentionService",
    "url-shorten-service": "UrlShortenService",
    "text-service": "TextService",
    "unique-id-service": "UniqueIdService",
    "media-service": "MediaService",
}
_STORES = {
    "post-storage-mongodb": (Protocol.MONGO, 131.0),
    "post-storage-memcached": (Protocol.MEMCACHED, 22.0),
    "social-graph-mongodb": (Protocol.MONGO, 117.0),
    "social-graph-redis": (Protocol.REDIS, 14.0),
    "home-timeline-redis": (Protocol.REDIS, 19.0),
    "user-timeline-mongodb": (Protocol.MONGO, 109.0),
    "user-timeline-redis": (Protocol.REDIS, 16.0),
    "url-shorten-mongodb": (Protocol.MONGO, 94.0),
    "url-shorten-memcached": (Protocol.MEMCACHED, 12.0),
    "user-mongodb": (Protocol.MONGO, 102.0),
    "user-memcached": (Protocol.MEMCACHED, 15.0),
    "media-mongodb": (Protocol.MONGO, 91.0),
    "media-memcached": (Protocol.MEMCACHED, 13.0),
}


def _port(name: str) -> int:
    return _PORTS[_STORES[name][0]] if name in _STORES else _PORTS[Protocol.THRIFT]


def _calls(name: str) -> tuple[Call, ...]:
    return tuple(
        Call(target=target, address=f"{target}:{_port(target)}", share=share, critical=critical)
        for target, share, critical in _CALLS[name]
    )


def _service(name: str) -> Component:
    program = Program(
        name=name,
        protocol=Protocol.THRIFT,
        port=9090,
        memory=18.0 + len(_CALLS[name]) * 3.0,
        idle=4,
        cost=0.8,
        latency=2.0,
        start=2,
        calls=_calls(name),
        voice="boost",
    )
    return Component(
        name=name,
        program=program,
        image=_SERVICES_IMAGE,
        container=name,
        port_name="9090",
        service_port=9090,
        command=(_COMMANDS[name],),
        requests=("50m", "32Mi"),
        limits=("1", "512Mi"),
    )


def _web(name: str, image: str, port: int, memory: float) -> Component:
    program = Program(
        name=name,
        protocol=Protocol.HTTP,
        port=port,
        memory=memory,
        idle=6,
        cost=0.9,
        latency=2.5,
        start=2,
        calls=_calls(name),
        voice="nginx",
    )
    return Component(
        name=name,
        program=program,
        image=image,
        container=name,
        port_name=str(port),
        service_port=port,
        requests=("100m", "64Mi"),
        limits=("1", "512Mi"),
    )


def _store(name: str, protocol: Protocol, memory: float) -> Component:
    port = _PORTS[protocol]
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=memory,
        idle=10 if protocol is Protocol.MONGO else 4,
        cost=0.3,
        latency=1.2 if protocol is Protocol.MONGO else 0.4,
        start=3 if protocol is Protocol.MONGO else 1,
    )
    return Component(
        name=name,
        program=program,
        image=_STORE_IMAGES[protocol],
        container=name,
        port_name=str(port),
        service_port=port,
        requests=("50m", "64Mi"),
        limits=("1", "512Mi"),
    )


def _jaeger() -> Component:
    program = Program(
        name="jaeger",
        protocol=Protocol.HTTP,
        port=16686,
        memory=76.0,
        idle=12,
        cost=0.1,
        latency=1.0,
        start=2,
        voice="jaeger",
    )
    numbers = (5775, 6831, 6832, 5778, 14268, 9411)
    return Component(
        name="jaeger",
        program=program,
        image="jaegertracing/all-in-one:1.62.0",
        container="jaeger",
        port_name="16686",
        service_port=16686,
        ports=tuple((str(number), number) for number in numbers),
        requests=("50m", "64Mi"),
        limits=("1", "512Mi"),
    )


def social_network() -> Application:
    """Return SocialNetwork as it runs before anything happens to it."""
    components = [
        _web("nginx-thrift", "yg397/openresty-thrift:xenial", 8080, 48.0),
        *(_service(name) for name in _COMMANDS),
        _web("media-frontend", "yg397/media-frontend:xenial", 8081, 36.0),
        *(_store(name, protocol, memory) for name, (protocol, memory) in _STORES.items()),
        _jaeger(),
    ]
    return Application(
        name="social-network",
        namespace="test-social-network",
        entry="nginx-thrift",
        load=60.0,
        components=tuple(components),
        label="service",
        pod_labels=(("app", "{name}"),),
        strategy="RollingUpdate",
        nodes=("kind-control-plane", "kind-worker", "kind-worker2", "kind-worker3"),
        release=Release(name="social-network", chart="socialnetwork-0.1.0", app_version="1.0.0"),
        spare_images=tuple(
            ("deathstarbench/social-network-microservices:0.0.9", name) for name in _COMMANDS
        ),
    )
