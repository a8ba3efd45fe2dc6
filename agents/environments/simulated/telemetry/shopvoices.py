"""The log formats of the Astronomy Shop's services, each in its own language and library.

Invariant: fixed texts that name no fault; what is said when is decided by `logs` from traffic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.telemetry import clienttexts
from agents.environments.simulated.telemetry.voice import Voice
from agents.environments.simulated.telemetry.voice_frames import Frame, levelled, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.environments.simulated.applications.graph import Protocol
    from agents.environments.simulated.network import Obstacle

_DAY = "{t:%Y-%m-%d %H:%M:%S}"
_ISO = "{t:%Y-%m-%dT%H:%M:%S}"


def _voice(  # noqa: PLR0913 - a voice has these parts
    layouts: tuple[str, str, str, str],
    *,
    failed: str,
    errors: Mapping[Obstacle, str],
    upstream: str,
    opening: tuple[str, ...],
    listening: str,
    routine: Mapping[str, tuple[str, ...]],
    harmless: tuple[str, ...],
    clients: Mapping[Protocol, Mapping[Obstacle, str]] | None = None,
    closing: str = "received SIGTERM, shutting down",
    nested: bool = True,
    escaped: bool = False,
) -> Voice:
    return Voice(
        style="frame",
        levels=("info", "warning", "error"),
        keys=("time", "level", "msg"),
        frame=Frame(layouts=layouts, escaped=escaped),
        failed=failed,
        handled="",
        errors=dict(errors),
        clients=clients or {},
        upstream=upstream,
        nested=nested,
        opening=opening,
        closing=closing,
        listening=listening,
        routine=routine,
        harmless={"": harmless},
    )


_TRACED = "trace_id={trace} span_id={span} trace_flags=01"
_JVM = f"{_DAY} - oteldemo.{{camel}}Service - {{text}} {_TRACED}"
_ENVOY = f"[{_ISO}.{{ms:03d}}Z] {{text}}"
_ZAP = f"{_ISO}.{{ms:03d}}Z\t{{level}}\tcmd/start.go:{{line}}\t{{text}}"
_DOTNET = "{level}: {name}.{camel}[0]\n      {text}"

SHOP: dict[str, Voice] = {
    "envoy": _voice(
        (
            f"[{_DAY}.{{ms:03d}}][1][info][main] [source/server/server.cc:{{line}}] {{text}}",
            f"[{_DAY}.{{ms:03d}}][1][warning][config] [source/server/server.cc:{{line}}] {{text}}",
            _ENVOY,
            _ENVOY,
        ),
        failed='"GET /api HTTP/1.1" {error}',
        errors=clienttexts.ENVOY,
        upstream='500 - via_upstream - "-" 0 21 34 33 "-" "{host}:{port}" {callee}',
        opening=("initializing epoch 0", "all clusters initialized. initializing init manager"),
        listening="all dependencies initialized. starting workers",
        closing="caught ENVOY_SIGTERM",
        nested=False,
        routine={
            "": (
                (
                    '"GET /api/products/L9ECAV7KIM HTTP/1.1" 200 - via_upstream - "-" 0 752 8 7 '
                    '"python-requests/2.32.3" "frontend-proxy:8080" "frontend:8080" frontend'
                ),
                (
                    '"GET /api/cart HTTP/1.1" 200 - via_upstream - "-" 0 24 6 5 "-" '
                    '"python-requests/2.32.3" "frontend-proxy:8080" "frontend:8080" frontend'
                ),
                (
                    '"GET /images/products/SolarFilter.jpg HTTP/1.1" 200 - via_upstream - "-" 0 '
                    '50122 3 2 "-" "frontend-proxy:8080" "image-provider:8081" imageprovider'
                ),
            ),
        },
        harmless=("there is no configured limit to the number of allowed active connections",),
    ),
    "nextjs": _voice(
        (" {text}", " \u26a0 {text}", " \u2a2f Error: {text}", " {text}"),
        failed="[{callee}] {error}",
        errors=clienttexts.NODE_GRPC,
        upstream="13 INTERNAL: {detail}",
        opening=("\u25b2 Next.js 15.3.4", "- Network: http://0.0.0.0:8080"),
        listening="\u2713 Ready in 412ms",
        routine={"": ("GET /api/products 200 in 11ms", "GET /api/data 200 in 8ms")},
        harmless=(
            "Fast refresh is off in production",
            "metadataBase property in metadata export is not set, using http://localhost:8080",
        ),
    ),
    "log4j": _voice(
        (_JVM, _JVM, _JVM, _JVM),
        failed="call to {callee} failed: {error}",
        errors=clienttexts.JAVA,
        upstream="io.grpc.StatusRuntimeException: UNKNOWN: {detail}",
        opening=("{name} service starting.",),
        listening="{name} started, listening on {port}",
        closing="*** shutting down since JVM is shutting down",
        routine={
            "ad": (
                "Targeted ad request received for [telescopes]",
                "Targeted ad request received for [accessories]",
                "Non-targeted ad request received, preparing random response.",
            ),
            "fraud-detection": (
                "Consumed record with orderId: 3f6c1f1e, and updated total count to: 118",
                "Consumed record with orderId: 9b02d7aa, and updated total count to: 231",
            ),
        },
        harmless=(
            "OpenTelemetry exporter queue is nearly full",
            "Attempted to append too many attributes to a span, the rest is dropped",
        ),
    ),
    "dotnet": _voice(
        levelled(_DOTNET, "info", "warn", "fail"),
        failed="Error calling {callee}: {error}",
        errors=clienttexts.DOTNET,
        clients=clienttexts.DOTNET_STORES,
        upstream='Status(StatusCode="Unknown", Detail="{detail}")',
        opening=("Application is starting up", "Hosting environment: Production"),
        listening="Now listening on: http://[::]:{port}",
        closing="Application is shutting down...",
        routine={
            "cart": (
                "GetCartAsync called with userId=5b1f0a9c-52d1-11ee-8f1d-9a7a5e6b8c2d",
                "AddItemAsync called with userId=0c2e1d44, productId=L9ECAV7KIM, quantity=2",
                "EmptyCartAsync called with userId=77d1c3fa",
            ),
            "accounting": (
                'Order details: {"orderId": "3f6c1f1e", "shippingCost": {"currencyCode": "USD"}}',
            ),
        },
        harmless=(
            "The thread pool grew to 14 workers",
            "As of the last heartbeat, Kestrel's heartbeat took 1.1s",
        ),
    ),
    "logrus": _voice(
        levelled(
            f'{{{{"message":"{{text}}","severity":"{{level}}","timestamp":"{_ISO}.{{ms:03d}}Z"}}}}',
            "info",
            "warning",
            "error",
        ),
        failed="failed to call {callee}: {error}",
        errors=clienttexts.GO_GRPC,
        clients={**clienttexts.GO_STORES, **clienttexts.DOTNET_STORES},
        upstream="rpc error: code = Internal desc = {detail}",
        opening=("service config loaded",),
        listening='starting to listen on tcp: "[::]:{port}"',
        escaped=True,
        routine={
            "checkout": (
                '[PlaceOrder] user_id="5b1f0a9c" user_currency="USD"',
                "payment went through (transaction_id: 8f7c02b1)",
                'order confirmation email sent to "someone@example.com"',
                "Successful to write message. offset: 3812",
            ),
            "product-catalog": (
                "Product Found - ID: L9ECAV7KIM, Name: Lens Cleaning Kit",
                "Product Found - ID: 66VCHSJNUP, Name: Starsense Explorer Refractor Telescope",
            ),
        },
        harmless=("traces export: a batch was retried and accepted", "reloading took 210ms"),
    ),
    "cpp": _voice(
        ("{text}", "{text}", "{text}", "{text}"),
        failed="{callee}: {error}",
        errors=clienttexts.GO_GRPC,
        upstream="{detail}",
        opening=("Currency Server starting",),
        listening="Currency Server listening on port: {port}",
        routine={"": ("Convert: conversion successful", "GetSupportedCurrencies: successful")},
        harmless=("[OTLP METRIC GRPC Exporter] Export() took longer than usual",),
    ),
    "puma": _voice(
        (
            "{text}",
            "{text}",
            "{text}",
            "10.244.1.9 - - [{t:%d/%b/%Y:%H:%M:%S} +0000] {text}",
        ),
        failed="{callee}: {error}",
        errors=clienttexts.HTTP_CLIENT,
        upstream="{detail}",
        opening=("Puma starting in single mode...", "* Environment: production"),
        listening="* Listening on http://[::]:{port}",
        closing="- Gracefully stopping, waiting for requests to finish",
        routine={
            "": (
                '"POST /send_order_confirmation HTTP/1.1" 200 - 0.0121',
                '"POST /send_order_confirmation HTTP/1.1" 200 - 0.0154',
            ),
        },
        harmless=("W, premailer: a style could not be inlined",),
    ),
    "pino": _voice(
        levelled(
            '{{"level":"{level}","time":{epoch},"pid":1,"service.name":"{name}","trace_id":"{trace}'
            '","msg":"{text}"}}',
            "info",
            "warn",
            "error",
        ),
        failed="call to {callee} failed: {error}",
        errors=clienttexts.NODE_GRPC,
        upstream="13 INTERNAL: {detail}",
        opening=("payment service starting",),
        listening="payment gRPC server started on port {port}",
        escaped=True,
        routine={"": ("Charge request received.", "Transaction complete.")},
        harmless=("event loop was blocked for 41ms", "a deprecated field was sent"),
    ),
    "php": _voice(
        same(f"[{_ISO}.{{us:06d}}+00:00] opentelemetry.{{level}}: {{text}} [] []"),
        failed="{callee}: {error}",
        errors=clienttexts.HTTP_CLIENT,
        upstream="{detail}",
        opening=("quote service starts",),
        listening="Listening on http://0.0.0.0:{port}",
        routine={"": ('Calculated quote {"total":33.6}', 'Calculated quote {"total":76.1}')},
        harmless=("Export failure retried",),
    ),
    "python": _voice(
        same(
            f"{_DAY},{{ms:03d}} {{level}} [main] [{{name}}_server.py:{{line}}] [trace_id={{trace}} "
            "span_id={span} resource.service.name={name} trace_sampled=True] - {text}"
        ),
        failed="call to {callee} failed: {error}",
        errors=clienttexts.PYTHON_GRPC,
        upstream="StatusCode.UNKNOWN: {detail}",
        opening=("Recommendation service starting",),
        listening="Recommendation service started, listening on port {port}",
        routine={
            "": (
                "Receive ListRecommendations for product ids:['1YMWWN1N4O', 'L9ECAV7KIM']",
                "Receive ListRecommendations for product ids:['9SIQT8TOJO', '6E92ZMYYFZ']",
            ),
        },
        harmless=("Attribute type is not supported, dropped", "exporter took 2.1s for a batch"),
    ),
    "rust": _voice(
        same(f"{_ISO}.{{us:06d}}Z {{level}} shipping::shipping_service: {{text}}"),
        failed="request to {callee} failed: {error}",
        errors=clienttexts.RUST,
        upstream="500 Internal Server Error: {detail}",
        opening=("OTel pipeline created",),
        listening="listening on 0.0.0.0:{port}",
        routine={
            "": (
                "Received quote: 8.99 for 1 items",
                "Sending Quote: 33.60",
                "Tracking ID Created: 2f1ce5a0-51b6-4a60-9d05-3b5bd1f0a1c7",
            ),
        },
        harmless=("keep-alive connection closed by peer",),
    ),
    "kafka": _voice(
        same(f"[{_DAY},{{ms:03d}}] {{level}} {{text}} (kafka.server.KafkaRaftServer)"),
        failed="{callee}: {error}",
        errors=clienttexts.JAVA,
        upstream="{detail}",
        opening=(
            "Registered kafka:type=kafka.Log4jController MBean",
            "[BrokerServer id=1] starting",
        ),
        listening="[KafkaRaftServer nodeId=1] Kafka Server started",
        routine={
            "": (
                "[GroupCoordinator 1]: Stabilized group accounting generation 3 with 1 members",
                "[SnapshotGenerator id=1] Creating new KRaft snapshot file",
                "[LocalLog partition=orders-0, dir=/tmp/kraft-logs] Rolled new log segment",
            ),
        },
        harmless=("[RaftManager id=1] Client requested connection close from node 1",),
    ),
    "zap": _voice(
        levelled(
            f"{_ISO}.{{ms:03d}}Z\t{{level}}\tcmd/start.go:{{line}}\t{{text}}",
            "info",
            "warn",
            "error",
        ),
        failed="{callee}: {error}",
        errors=clienttexts.HTTP_CLIENT,
        upstream="{detail}",
        opening=("flagd version: v0.12.8", "watching filepath: /etc/flagd/demo.flagd.json"),
        listening="Flag IResolver listening at [::]:{port}",
        routine={"": ("evaluation stream keepalive sent",)},
        harmless=("a client closed its event stream",),
    ),
    "locust": _voice(
        same(f"[{_DAY},{{ms:03d}}] {{name}}/{{level}}/locust.main: {{text}}"),
        failed="request through {callee} failed: {error}",
        errors=clienttexts.HTTP_CLIENT,
        upstream="HTTPError 500 Server Error: {detail}",
        opening=("Starting web interface at http://0.0.0.0:8089", "Starting Locust 2.37.11"),
        listening="All users spawned: 10 total users",
        routine={"": ("10 users are running", "a user starts over with an empty cart")},
        harmless=("Playwright page closed before it was idle",),
    ),
}
