"""How an application's processes talk: log format, key names, level words, phrases, error texts.

Invariant: everything is drawn from the application's namespace and seed, so two applications
rarely sound alike and one always does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.vocabulary import pseudo_word
from agents.environments.simulated.clock import instant, rfc3339
from agents.environments.simulated.dice import draw, happens
from agents.environments.simulated.network import Obstacle
from agents.environments.simulated.telemetry.voice_frames import HANDLED, INFO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.environments.simulated.applications.graph import Protocol
    from agents.environments.simulated.telemetry.voice_frames import Frame

_FAILED = (
    "call to {callee} failed: {error}",
    "failed to call {callee}: {error}",
    "could not reach {callee}: {error}",
    "{callee} request failed: {error}",
    "error talking to {callee}: {error}",
    "upstream {callee} error: {error}",
    "{callee} unavailable: {error}",
)
_HANDLED = (
    "handled {operation} in {ms}ms",
    "{operation} 200 {ms}ms",
    "request {operation} done, took {ms} ms",
    "served {operation} ({ms}ms)",
    "ok {operation} duration={ms}ms",
)
_BENIGN = (
    "slow request: {operation} took {long}ms",
    "deprecated option seen, ignoring",
    "cache miss ratio {percent}% in the last minute",
    "retrying idempotent {operation}, attempt 2 succeeded",
    "clock skew of {ms}ms to peer",
    "connection pool resized to {ms}",
    "trace exporter queue full, dropped {ms} spans",
)
_OPERATIONS = ("GET /", "POST /", "Get", "List", "Find", "Check")
_STYLES = ("json", "logfmt", "plain", "bracket", "klog", "tab")
_LEVELS = (
    ("info", "warn", "error"),
    ("INFO", "WARN", "ERROR"),
    ("I", "W", "E"),
    ("INF", "WRN", "ERR"),
    ("info", "warning", "error"),
    ("notice", "warning", "critical"),
)
_ERRORS: dict[str, dict[Obstacle, str]] = {
    "go": {
        Obstacle.NO_HOST: "dial tcp: lookup {host} on 10.96.0.10:53: no such host",
        Obstacle.REFUSED: "dial tcp {ip}:{port}: connect: connection refused",
        Obstacle.TIMEOUT: "dial tcp {ip}:{port}: i/o timeout",
        Obstacle.TLS: "connection closed: server at {ip}:{port} requires TLS",
        Obstacle.ACCOUNT: "authentication failed for user {user}",
        Obstacle.FOREIGN: "code = Unimplemented desc = unknown service at {host}:{port}",
    },
    "node": {
        Obstacle.NO_HOST: "getaddrinfo ENOTFOUND {host}",
        Obstacle.REFUSED: "connect ECONNREFUSED {ip}:{port}",
        Obstacle.TIMEOUT: "connect ETIMEDOUT {ip}:{port}",
        Obstacle.TLS: "socket hang up: TLS required by {ip}:{port}",
        Obstacle.ACCOUNT: "MongoServerError: Authentication failed ({user})",
        Obstacle.FOREIGN: "404 Not Found from {host}:{port}",
    },
    "python": {
        Obstacle.NO_HOST: "[Errno -2] Name or service not known: {host}",
        Obstacle.REFUSED: "[Errno 111] Connection refused ({host}:{port})",
        Obstacle.TIMEOUT: "timed out after 1s ({host}:{port})",
        Obstacle.TLS: "plain connection rejected, TLS is required ({host}:{port})",
        Obstacle.ACCOUNT: "login rejected for {user}",
        Obstacle.FOREIGN: "unexpected peer at {host}:{port}: 404",
    },
    "java": {
        Obstacle.NO_HOST: "java.net.UnknownHostException: {host}",
        Obstacle.REFUSED: "java.net.ConnectException: Connection refused: {host}/{ip}:{port}",
        Obstacle.TIMEOUT: "java.net.SocketTimeoutException: Connect timed out: {host}:{port}",
        Obstacle.TLS: "javax.net.ssl.SSLException: {host}:{port} requires TLS",
        Obstacle.ACCOUNT: "AuthenticationException: {user} rejected",
        Obstacle.FOREIGN: "io.grpc.StatusRuntimeException: UNIMPLEMENTED ({host}:{port})",
    },
}
_INVENTED: dict[Obstacle, tuple[str, ...]] = {
    Obstacle.NO_HOST: ("name {host} unknown", "cannot resolve {host}", "{host}: lookup empty"),
    Obstacle.REFUSED: (
        "{ip}:{port} refused",
        "nobody listens at {ip}:{port}",
        "refused {host}:{port}",
    ),
    Obstacle.TIMEOUT: (
        "no answer from {ip}:{port}",
        "{host}:{port} timed out",
        "deadline at {host}:{port}",
    ),
    Obstacle.TLS: ("{host}:{port} wants TLS", "plaintext refused by {host}:{port}"),
    Obstacle.ACCOUNT: ("user {user} denied", "bad login {user}"),
    Obstacle.FOREIGN: ("{host}:{port} does not know the method", "wrong peer {host}:{port}"),
}
_NOT_ALLOWED = {
    "go": "not authorized on {database} to execute command (user {user})",
    "node": "MongoServerError: not authorized on {database} to execute command",
    "python": "not authorized on {database} to execute command, full error: code 13 ({user})",
    "java": "MongoCommandException: Command failed with error 13: not authorized on {database}",
}
_NOT_ALLOWED_INVENTED = ("user {user} may not use {database}", "{database} is closed to {user}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One application's way of logging, or one program's.

    A voice with a `frame` is a real program's: `routine` is what it says of requests that went
    well and `harmless` its warnings that mean nothing, by program (empty name: any other);
    `opening` is said at the start; `clients` are error texts of store clients by protocol.
    """

    style: str
    levels: tuple[str, str, str]
    keys: tuple[str, str, str]
    failed: str
    handled: str
    errors: dict[Obstacle, str]
    upstream: str
    nested: bool
    listening: str
    frame: Frame | None = None
    routine: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    harmless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opening: tuple[str, ...] = ("starting {name}",)
    closing: str = "received SIGTERM, shutting down"
    clients: Mapping[Protocol, Mapping[Obstacle, str]] = field(default_factory=dict)

    def entry(self, moment: float, kind: int, text: str, name: str) -> str:
        """Return one entry of a program's log; `kind` as in `voice_frames`."""
        if self.frame is not None:
            return self.frame.line(moment, kind, text, name)
        return self.line(moment, INFO if kind == HANDLED else kind, text)

    def line(self, moment: float, level: int, text: str) -> str:
        """Return one log line; level 0 info, 1 warning, 2 error."""
        word = self.levels[level]
        when = instant(moment)
        if self.style == "json":
            time_key, level_key, text_key = self.keys
            body = {time_key: rfc3339(int(moment)), level_key: word, text_key: text}
            return orjson.dumps(body).decode()
        if self.style == "logfmt":
            time_key, level_key, text_key = self.keys
            return f'{time_key}={rfc3339(int(moment))} {level_key}={word} {text_key}="{text}"'
        if self.style == "plain":
            return f"{when:%Y/%m/%d %H:%M:%S} {word} {text}"
        if self.style == "bracket":
            return f"[{when:%H:%M:%S}] [{word}] {text}"
        if self.style == "klog":
            micros = f"{int(moment * 1000) % 1000:03d}000"
            return f"{'IWE'[level]}{when:%m%d %H:%M:%S}.{micros}       1 server.go:88] {text}"
        return f"{rfc3339(int(moment))}\t{word}\t{text}"


@lru_cache(maxsize=4096)
def voice_of(namespace: str, seed: int) -> Voice:
    """Return the voice of an application."""
    rng = Random(draw("voice", namespace, seed))  # noqa: S311 - simulation, no secret
    if happens(rng, 0.4):  # texts that no runtime has
        code = pseudo_word(rng).upper()[:4]
        errors = {
            obstacle: f"{code}-{rng.randint(10, 99)} {rng.choice(texts)}"
            for obstacle, texts in _INVENTED.items()
        }
        role = Random(draw("voice of a role", namespace, seed))  # noqa: S311 - simulation
        text = f"{code}-{role.randint(10, 99)} {role.choice(_NOT_ALLOWED_INVENTED)}"
        errors[Obstacle.ROLE] = text
    else:
        runtime = rng.choice(sorted(_ERRORS))
        errors = {**_ERRORS[runtime], Obstacle.ROLE: _NOT_ALLOWED[runtime]}
    return Voice(
        style=rng.choice(_STYLES),
        levels=rng.choice(_LEVELS),
        keys=(
            rng.choice(("time", "ts", "@timestamp")),
            rng.choice(("level", "lvl", "severity")),
            rng.choice(("msg", "message", "event")),
        ),
        failed=rng.choice(_FAILED),
        handled=rng.choice(_HANDLED),
        errors=errors,
        upstream=rng.choice(
            (
                "rpc error: code = Unavailable desc = {detail}",
                "status 502: {detail}",
                "code = Internal desc = {detail}",
                "HTTP 500: {detail}",
                "bad answer: {detail}",
            )
        ),
        nested=happens(rng, 0.5),
        listening=rng.choice(
            (
                "listening on :{port}",
                "server started on port {port}",
                "{name} ready, port {port}",
                "serving at 0.0.0.0:{port}",
            )
        ),
    )


def handled_text(voice: Voice, number: int) -> str:
    """Return the text of a request that went well."""
    operation = _OPERATIONS[number % len(_OPERATIONS)]
    return voice.handled.format(operation=operation, ms=number // 7 % 40 + 1)


def benign_text(number: int) -> str:
    """Return the text of a warning that means nothing."""
    return _BENIGN[number % len(_BENIGN)].format(
        operation=_OPERATIONS[number // 11 % len(_OPERATIONS)],
        ms=number // 13 % 30 + 2,
        long=number // 17 % 700 + 300,
        percent=number // 19 % 40 + 20,
    )
