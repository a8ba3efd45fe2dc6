"""Astronomy Shop, the OpenTelemetry demo 2.0.2, as its helm chart 0.37.8 deploys it.

Names, ports, images, addresses in the environment, memory limits and flags are its own; CPU
limits, rates and shares are ours, and OpenSearch is a Deployment. An image or an advertisement is
a request of its own at the proxy, so a failing one fails that request.
"""

from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    Release,
    Variable,
)
from agents.environments.simulated.applications.shop_flags import FLAGD, FLAGS

_VERSION = "2.0.2"
_COLLECTOR = "otel-collector"
_Edge = tuple[str, str, str | None, float, bool]
"""target, its `host:port`, the variable that overrides it, calls a request, critical."""
_FLAGD: _Edge = ("flagd", "flagd:8013", "FLAGD_HOST", 0.02, False)
_KAFKA: _Edge = ("kafka", "kafka:9092", "KAFKA_ADDR", 1.0, True)


def _edge(target: str, share: float, *, critical: bool = True) -> _Edge:
    variable = f"{target.upper().replace('-', '_')}_ADDR"
    return target, f"{target}:8080", variable, share, critical


_CALLS: dict[str, tuple[_Edge, ...]] = {
    "frontend-proxy": (
        ("frontend", "frontend:8080", "FRONTEND_HOST", 0.7, True),
        ("image-provider", "image-provider:8081", "IMAGE_PROVIDER_HOST", 0.3, True),
        (_COLLECTOR, f"{_COLLECTOR}:4317", None, 0.1, False),
    ),
    "frontend": (
        _edge("ad", 0.3),
        _edge("cart", 0.5),
        _edge("checkout", 0.25),
        _edge("currency", 0.3),
        _edge("product-catalog", 0.6),
        _edge("recommendation", 0.3),
        _edge("shipping", 0.2),
        (_COLLECTOR, f"{_COLLECTOR}:4317", None, 0.1, False),
        _FLAGD,
    ),
    "ad": (_FLAGD,),
    "cart": (("valkey-cart", "valkey-cart:6379", "VALKEY_ADDR", 1.0, True), _FLAGD),
    "checkout": (
        _edge("cart", 1.0),
        _edge("currency", 1.0),
        _edge("email", 1.0, critical=False),
        _edge("payment", 1.0),
        _edge("product-catalog", 1.0),
        _edge("shipping", 1.0),
        ("kafka", "kafka:9092", "KAFKA_ADDR", 1.0, False),
        _FLAGD,
    ),
    "recommendation": (_edge("product-catalog", 1.0), _FLAGD),
    "shipping": (_edge("quote", 1.0),),
    "payment": (_FLAGD,),
    "product-catalog": (_FLAGD,),
    "accounting": (_KAFKA,),
    "fraud-detection": (_KAFKA, _FLAGD),
    "load-generator": (("frontend-proxy", "frontend-proxy:8080", "LOCUST_HOST", 1.0, True),),
    "grafana": (("prometheus", "prometheus:9090", None, 0.1, False),),
    _COLLECTOR: (
        ("jaeger", "jaeger:16686", None, 0.5, False),
        ("prometheus", "prometheus:9090", None, 0.2, False),
        ("opensearch", "opensearch:9200", None, 0.2, False),
    ),
}
_VOICES = {
    "frontend-proxy": "envoy",
    "frontend": "nextjs",
    "image-provider": "nginx",
    "ad": "log4j",
    "cart": "dotnet",
    "checkout": "logrus",
    "currency": "cpp",
    "email": "puma",
    "payment": "pino",
    "product-catalog": "logrus",
    "quote": "php",
    "recommendation": "python",
    "shipping": "rust",
    "accounting": "dotnet",
    "fraud-detection": "log4j",
    "kafka": "kafka",
    "flagd": "zap",
    "load-generator": "locust",
}
_SERVICES: dict[str, tuple[Protocol, float, str, float, float]] = {
    # protocol, working set in MiB, memory limit, millicores a request a second, own milliseconds
    "frontend-proxy": (Protocol.HTTP, 28.0, "65Mi", 0.6, 1.0),
    "frontend": (Protocol.HTTP, 118.0, "250Mi", 6.0, 5.0),
    "image-provider": (Protocol.HTTP, 12.0, "50Mi", 0.4, 2.0),
    "ad": (Protocol.GRPC, 172.0, "300Mi", 1.2, 3.0),
    "cart": (Protocol.GRPC, 74.0, "160Mi", 0.9, 2.0),
    "checkout": (Protocol.GRPC, 13.0, "20Mi", 0.8, 6.0),
    "currency": (Protocol.GRPC, 6.0, "20Mi", 0.2, 1.0),
    "email": (Protocol.HTTP, 58.0, "100Mi", 1.1, 5.0),
    "payment": (Protocol.GRPC, 71.0, "120Mi", 1.0, 4.0),
    "product-catalog": (Protocol.GRPC, 12.0, "20Mi", 0.5, 2.0),
    "quote": (Protocol.HTTP, 19.0, "40Mi", 0.9, 3.0),
    "recommendation": (Protocol.GRPC, 63.0, "500Mi", 1.3, 7.0),
    "shipping": (Protocol.HTTP, 7.0, "20Mi", 0.3, 2.0),
    "accounting": (Protocol.KAFKA, 79.0, "120Mi", 0.8, 3.0),
    "fraud-detection": (Protocol.KAFKA, 181.0, "300Mi", 0.9, 3.0),
}
_CONSUMERS = ("accounting", "fraud-detection")
_FIXED: dict[str, tuple[tuple[str, str], ...]] = {
    "frontend-proxy": (
        ("FLAGD_HOST", "flagd"),
        ("FLAGD_PORT", "8013"),
        ("FRONTEND_PORT", "8080"),
        ("GRAFANA_HOST", "grafana"),
        ("GRAFANA_PORT", "80"),
        ("IMAGE_PROVIDER_PORT", "8081"),
        ("JAEGER_HOST", "jaeger"),
        ("JAEGER_PORT", "16686"),
        ("LOCUST_WEB_HOST", "load-generator"),
        ("LOCUST_WEB_PORT", "8089"),
        ("OTEL_COLLECTOR_HOST", _COLLECTOR),
        ("OTEL_COLLECTOR_PORT_GRPC", "4317"),
        ("OTEL_COLLECTOR_PORT_HTTP", "4318"),
    ),
    "frontend": (
        ("FRONTEND_ADDR", ":8080"),
        ("OTEL_COLLECTOR_HOST", _COLLECTOR),
        ("WEB_OTEL_SERVICE_NAME", "frontend-web"),
    ),
    "ad": (("OTEL_LOGS_EXPORTER", "otlp"),),
    "cart": (("ASPNETCORE_URLS", "http://*:8080"),),
    "email": (("APP_ENV", "production"),),
    "quote": (("OTEL_PHP_AUTOLOAD_ENABLED", "true"),),
    "product-catalog": (("PRODUCT_CATALOG_RELOAD_INTERVAL", "10"),),
    "recommendation": (("OTEL_PYTHON_LOG_CORRELATION", "true"),),
}
_SCHEMES = {"EMAIL_ADDR": "http://", "QUOTE_ADDR": "http://", "LOCUST_HOST": "http://"}


def _calls(name: str) -> tuple[Call, ...]:
    return tuple(
        Call(
            target=target,
            address=address,
            variable=variable,
            share=share,
            critical=critical,
        )
        for target, address, variable, share, critical in _CALLS.get(name, ())
    )


def _variables(name: str, port: str | None, *more: tuple[str, str]) -> tuple[Variable, ...]:
    """Return a demo container's environment, with the addresses of whom it calls."""
    listed = {"OTEL_SERVICE_NAME": name, "OTEL_COLLECTOR_NAME": _COLLECTOR}
    listed["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = "cumulative"
    if port:
        listed[port] = "8081" if name == "image-provider" else "8080"
    for _, address, variable, _, _ in _CALLS.get(name, ()):
        if variable:
            whole = variable in _SCHEMES or variable.endswith("_ADDR")
            value = address if whole else address.split(":")[0]
            listed[variable] = f"{_SCHEMES.get(variable, '')}{value}"
        if variable == "FLAGD_HOST":
            listed["FLAGD_PORT"] = address.split(":")[1]
    listed |= dict((*_FIXED.get(name, ()), *more))
    listed["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{_COLLECTOR}:4317"
    listed["OTEL_RESOURCE_ATTRIBUTES"] = (
        f"service.name={name},service.namespace=opentelemetry-demo,service.version={_VERSION}"
    )
    return tuple(Variable(name=key, value=value) for key, value in listed.items())


def _service(name: str) -> Component:
    protocol, memory, limit, cost, latency = _SERVICES[name]
    port = 8081 if name == "image-provider" else 8080
    prefix = "ENVOY" if name == "frontend-proxy" else name.upper().replace("-", "_")
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=memory,
        idle=20 if name in ("ad", "frontend", "fraud-detection") else 6,
        cost=cost,
        latency=latency,
        start=6 if name in ("ad", "fraud-detection") else 2,
        calls=_calls(name),
        flags=FLAGS.get(name, ()),
        voice=_VOICES[name],
    )
    return Component(
        name=name,
        program=program,
        image=f"ghcr.io/open-telemetry/demo:{_VERSION}-{name}",
        container=name,
        port_name="service",
        service_port=port,
        variables=_variables(name, None if name in _CONSUMERS else f"{prefix}_PORT"),
        exposed=name not in _CONSUMERS,
        requests=("20m", limit),
        limits=("1", limit),
    )


def _part(  # noqa: PLR0913 - one row of the chart
    name: str,
    image: str,
    port: int,
    memory: float,
    limit: str,
    *ports: tuple[str, int],
    protocol: Protocol = Protocol.HTTP,
    service_port: int | None = None,
    variables: tuple[Variable, ...] = (),
    start: int = 2,
) -> Component:
    """Return a component that is not of the demo's own make, or serves no requests."""
    program = Program(
        name=name,
        protocol=protocol,
        port=port,
        memory=memory,
        idle=12,
        cost=0.4,
        latency=1.0,
        start=start,
        calls=_calls(name),
        flags=FLAGS.get(name, ()),
        voice=None if protocol is Protocol.REDIS else _VOICES.get(name, name),
    )
    return Component(
        name=name,
        program=program,
        image=image,
        container=name,
        port_name={"kafka": "plaintext", "flagd": "rpc"}.get(name, name[:15]),
        service_port=service_port or port,
        ports=ports,
        variables=variables,
        requests=("20m", limit),
        limits=("1", limit),
    )


def _parts() -> tuple[Component, ...]:
    demo = f"ghcr.io/open-telemetry/demo:{_VERSION}"
    heap = ("KAFKA_HEAP_OPTS", "-Xmx400M -Xms400M")
    listeners = ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092")
    locust = (
        ("LOCUST_WEB_HOST", "0.0.0.0"),  # noqa: S104 - the chart's value
        ("LOCUST_WEB_PORT", "8089"),
        ("LOCUST_USERS", "10"),
        ("LOCUST_SPAWN_RATE", "1"),
        ("LOCUST_HEADLESS", "false"),
        ("LOCUST_AUTOSTART", "true"),
        ("FLAGD_HOST", "flagd"),
        ("FLAGD_OFREP_PORT", "8016"),
    )
    return (
        _part(
            "kafka",
            f"{demo}-kafka",
            9092,
            438.0,
            "600Mi",
            ("controller", 9093),
            protocol=Protocol.KAFKA,
            variables=_variables("kafka", None, listeners, heap),
            start=6,
        ),
        _part(
            "valkey-cart",
            "valkey/valkey:7.2-alpine",
            6379,
            8.0,
            "20Mi",
            protocol=Protocol.REDIS,
            variables=_variables("valkey-cart", None),
            start=1,
        ),
        _part(
            "flagd",
            "ghcr.io/open-feature/flagd:v0.12.8",
            8013,
            31.0,
            "75Mi",
            ("ofrep", 8016),
            protocol=Protocol.GRPC,
            variables=_variables("flagd", None, ("FLAGD_METRICS_EXPORTER", "otel")),
        ),
        _part(
            "load-generator",
            f"{demo}-load-generator",
            8089,
            540.0,
            "1500Mi",
            variables=_variables("load-generator", None, *locust),
        ),
        _part(
            _COLLECTOR,
            "otel/opentelemetry-collector-contrib:0.131.0",
            4317,
            96.0,
            "200Mi",
            ("otlp-http", 4318),
            ("metrics", 8888),
            protocol=Protocol.GRPC,
        ),
        _part("jaeger", "jaegertracing/all-in-one:1.53.0", 16686, 210.0, "400Mi"),
        _part("prometheus", "quay.io/prometheus/prometheus:v3.5.0", 9090, 174.0, "300Mi"),
        _part("grafana", "grafana/grafana:12.1.0", 3000, 88.0, "150Mi", service_port=80),
        _part(
            "opensearch",
            "opensearchproject/opensearch:2.19.3",
            9200,
            742.0,
            "1100Mi",
            ("transport", 9300),
            start=12,
        ),
    )


def astronomy_shop() -> Application:
    """Return the Astronomy Shop as it runs before anything happens to it."""
    return Application(
        name="astronomy-shop",
        namespace="astronomy-shop",
        entry="frontend-proxy",
        load=40.0,
        components=(*(_service(name) for name in _SERVICES), *_parts()),
        label="opentelemetry.io/name",
        labels=(
            ("app.kubernetes.io/component", "{name}"),
            ("app.kubernetes.io/managed-by", "Helm"),
            ("app.kubernetes.io/name", "{name}"),
            ("app.kubernetes.io/part-of", "opentelemetry-demo"),
            ("app.kubernetes.io/version", _VERSION),
            ("helm.sh/chart", "opentelemetry-demo-0.37.8"),
        ),
        pod_labels=(
            ("app.kubernetes.io/component", "{name}"),
            ("app.kubernetes.io/name", "{name}"),
        ),
        strategy="RollingUpdate",
        configs=(("flagd-config", (("demo.flagd.json", FLAGD),)),),
        nodes=("kind-control-plane", "kind-worker", "kind-worker2", "kind-worker3"),
        release=Release(
            name="astronomy-shop", chart="opentelemetry-demo-0.37.8", app_version=_VERSION
        ),
        flags=("flagd-config", "demo.flagd.json", "flagd"),
        metrics="traces_span_metrics",
        spare_images=tuple(
            (f"ghcr.io/open-telemetry/demo:2.0.1-{name}", name) for name in _SERVICES
        ),
    )
