"""The log formats of real programs, by name: HotelReservation's, SocialNetwork's, common servers'.

Invariant: fixed texts that name no fault; what is said when is decided by `logs` from traffic.
"""

from __future__ import annotations

from agents.environments.simulated.telemetry import clienttexts
from agents.environments.simulated.telemetry.shopvoices import SHOP
from agents.environments.simulated.telemetry.voice import Voice
from agents.environments.simulated.telemetry.voice_frames import Frame, levelled, same

_Z = "{t:%Y-%m-%dT%H:%M:%S}Z"
_NGINX = "{t:%Y/%m/%d %H:%M:%S}"
_ACCESS = '10.244.0.1 - - [{t:%d/%b/%Y:%H:%M:%S} +0000] {text} "-" "-"'
_UNUSED = ("info", "warning", "error")
_NO_KEYS = ("time", "level", "msg")

_ZEROLOG = Voice(
    style="frame",
    levels=_UNUSED,
    keys=_NO_KEYS,
    frame=Frame(
        layouts=(
            _Z + " INF cmd/{name}/main.go:{line} > {text}",
            _Z + " WRN services/{name}/server.go:{line} > {text}",
            _Z + " ERR services/{name}/server.go:{line} > {text}",
            _Z + " INF services/{name}/server.go:{line} > {text}",
        )
    ),
    failed="call to {callee} failed: {error}",
    handled="",
    errors=clienttexts.GO_GRPC,
    clients=clienttexts.GO_STORES,
    upstream="rpc error: code = Unknown desc = {detail}",
    nested=True,
    opening=(
        "Tuned setGCPercent to 100",
        "Reading config...",
        "Initializing jaeger agent [service name: {name} | host: jaeger:6831]...",
        "Jaeger agent initialized",
        "Initializing consul agent [host: consul:8500]...",
        "Consul agent initialized",
    ),
    listening="Successfully registered {name} in consul, serving on port {port}",
    routine={
        "frontend": (
            "searchHandler [lat: 38.0235, lon: -122.095, inDate: 2015-04-15, outDate: 2015-04-21]",
            "SearchHandler gets searchResp",
            "recommendHandler [require: price]",
            "reservationHandler gets reserveResp",
        ),
        "search": ("nearby got 5 hotels", "rates got 3 rate plans"),
        "geo": ("In geo Nearby: getNearbyPoints returned 5 points",),
        "rate": ("GetRates for 5 hotels, 4 from memcached",),
        "profile": ("GetProfiles for 3 hotels in en",),
        "recommendation": ("GetRecommendations by price",),
        "user": ("CheckUser Cornell_231",),
        "reservation": ("CheckAvailability for 3 hotels", "MakeReservation for hotel 17 done"),
    },
    harmless={
        "": (
            "jaeger reporter queue is nearly full, spans may be dropped",
            "retrying idempotent request, attempt 2 succeeded",
            "transport: closing idle connection after keepalive",
        ),
        "rate": ("memcached miss for hotel 41, asking the store",),
        "profile": ("memcached miss for hotel 12, asking the store",),
    },
)
_BOOST_LAYOUT = "[{t:%Y-%b-%d %H:%M:%S}.{us:06d}] <{level}>: ({camel}Handler.h:{line}:{function})"
_BOOST = Voice(
    style="frame",
    levels=_UNUSED,
    keys=_NO_KEYS,
    frame=Frame(
        layouts=(
            "[{t:%Y-%b-%d %H:%M:%S}.{us:06d}] <info>: ({camel}Service.cpp:{line}:main) {text}",
            _BOOST_LAYOUT.replace("{level}", "warning") + " {text}",
            _BOOST_LAYOUT.replace("{level}", "error") + " {text}",
            _BOOST_LAYOUT.replace("{level}", "info") + " {text}",
        ),
        functions={
            "home-timeline-service": "ReadHomeTimeline",
            "user-timeline-service": "ReadUserTimeline",
            "post-storage-service": "ReadPosts",
            "social-graph-service": "GetFollowers",
            "user-service": "ComposeCreatorWithUserId",
            "user-mention-service": "ComposeUserMentions",
            "url-shorten-service": "ComposeUrls",
            "text-service": "ComposeText",
            "unique-id-service": "ComposeUniqueId",
            "media-service": "ComposeMedia",
        },
    ),
    failed="Request to {callee} failed: {error}",
    handled="",
    errors=clienttexts.THRIFT,
    clients=clienttexts.CPP_STORES,
    upstream="TException - service has thrown: {detail}",
    nested=True,
    opening=("jaeger tracer initialized for {name}",),
    listening="Starting the {name} server ...",
    routine={
        "user-service": ("User: username_412 found in the cache",),
        "post-storage-service": ("ReadPosts returned 10 posts",),
        "home-timeline-service": ("ReadHomeTimeline returned 10 posts",),
        "social-graph-service": ("GetFollowers returned 37 users",),
        "url-shorten-service": ("2 urls shortened",),
        "unique-id-service": ("unique id issued, machine id 5c4",),
    },
    harmless={
        "": (
            "ClientPool has no free client, growing to 24",
            "TSocket::read() EAGAIN, will try again",
            "span reporter buffer is full, 3 spans dropped",
        ),
        "user-timeline-service": ("user timeline of user 217 is cold in redis",),
    },
)
_NGINX_VOICE = Voice(
    style="frame",
    levels=_UNUSED,
    keys=_NO_KEYS,
    frame=Frame(
        layouts=(
            _NGINX + " [notice] 1#1: {text}",
            _NGINX + " [warn] 9#9: *{number} {text}",
            _NGINX + " [error] 9#9: *{number} [lua] client.lua:{line}: {text}, client: 10.244.0.1, "
            'server: localhost, host: "{name}:8080"',
            _ACCESS,
        )
    ),
    failed="{callee} failure: {error}",
    handled="",
    errors=clienttexts.THRIFT,
    clients=clienttexts.CPP_STORES,
    upstream="late or broken answer: {detail}",
    nested=True,
    opening=('using the "epoll" event method', "openresty/1.15.8.1"),
    listening="start worker processes",
    closing="signal 15 (SIGTERM) received, exiting",
    routine={
        "nginx-thrift": (
            '"GET /wrk2-api/home-timeline/read?user_id=412&start=0&stop=10 HTTP/1.1" 200 5214',
            '"GET /wrk2-api/user-timeline/read?user_id=87&start=4&stop=14 HTTP/1.1" 200 4820',
            '"POST /wrk2-api/post/compose HTTP/1.1" 200 31',
        ),
        "image-provider": (
            '"GET /products/StarsenseExplorer.jpg HTTP/1.1" 200 84211',
            '"GET /products/SolarFilter.jpg HTTP/1.1" 200 50122',
            '"GET /Banner.png HTTP/1.1" 304 0',
        ),
        "media-frontend": (),
    },
    harmless={
        "": (
            "an upstream response is buffered to a temporary file",
            "a client request body is buffered to a temporary file",
        ),
    },
)


def server(
    layouts: tuple[str, str, str, str],
    *,
    opening: tuple[str, ...],
    listening: str,
    routine: tuple[str, ...],
    harmless: tuple[str, ...],
    escaped: bool = False,
) -> Voice:
    """Return the voice of a server that is no part of the application's own code."""
    return Voice(
        style="frame",
        levels=_UNUSED,
        keys=_NO_KEYS,
        frame=Frame(layouts=layouts, escaped=escaped),
        failed="{callee}: {error}",
        handled="",
        errors=clienttexts.HTTP_CLIENT,
        upstream="{detail}",
        nested=False,
        opening=opening,
        listening=listening,
        routine={"": routine},
        harmless={"": harmless},
    )


_ZAP = levelled("{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z\t{level}\t{text}", "info", "warn", "error")
_SERVERS = {
    "consul": server(
        same("{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z [{level}] agent: {text}"),
        opening=("Started HTTP server: address=[::]:8500 network=tcp", "started state syncer"),
        listening="Consul agent running!",
        routine=("Synced service: service=frontend", "Synced check: check=serfHealth"),
        harmless=("Node name can not be discovered via DNS: name has an invalid character",),
    ),
    "jaeger": server(
        levelled(
            '{{"level":"{level}","ts":{secs}.{ms:03d},"caller":"flags/service.go:{line}",'
            '"msg":"{text}"}}',
            "info",
            "warn",
            "error",
        ),
        opening=(
            "Starting jaeger-collector UDP server",
            "Mounting metrics handler on admin server",
        ),
        listening="Query server started on port {port}",
        routine=("Memory storage compacted", "Agent reported a batch of spans"),
        harmless=("Found clock skew of a reporter, adjusting span times",),
        escaped=True,
    ),
    "otel-collector": server(
        _ZAP,
        opening=("service@v0.131.0 Starting otelcol-contrib...", "Starting extensions..."),
        listening="Everything is ready. Begin running and processing data.",
        routine=("Traces batch exported", "Metrics batch exported", "Logs batch exported"),
        harmless=("sampling policy evaluated late", "Exporting failed once, retried in 5.2s"),
    ),
    "prometheus": server(
        same(
            'time={t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z level={level} source=main.go:{line} msg="{text}"'
        ),
        opening=("Starting Prometheus Server",),
        listening="Server is ready to receive web requests.",
        routine=("write block resulted in empty block", "WAL checkpoint complete"),
        harmless=("Error on ingesting out-of-order samples num_dropped=3",),
        escaped=True,
    ),
    "grafana": server(
        levelled(
            'logger=context t={t:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z level={level} msg="{text}"',
            "info",
            "warn",
            "error",
        ),
        opening=("Starting Grafana version=12.1.0",),
        listening="HTTP Server Listen address=[::]:{port}",
        routine=("Update check succeeded", "Completed cleanup jobs duration=12ms"),
        harmless=("Plugin signature is missing for an optional panel",),
        escaped=True,
    ),
    "opensearch": server(
        same("[{t:%Y-%m-%dT%H:%M:%S},{ms:03d}][{level}][o.o.n.Node] [opensearch-0] {text}"),
        opening=("initializing ...", "initialized"),
        listening="started, bound on [::]:{port}",
        routine=("Running full sweep", "Detected cluster state index otel-logs is green"),
        harmless=("JVM heap is above the young threshold, collection took 31ms",),
    ),
}
VOICES: dict[str, Voice] = {
    "zerolog": _ZEROLOG,
    "boost": _BOOST,
    "nginx": _NGINX_VOICE,
    **_SERVERS,
    **SHOP,
}
