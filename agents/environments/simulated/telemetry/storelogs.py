"""Logs of data stores in their own formats: MongoDB, PostgreSQL, Redis.

Invariant: what a store says of callers that it turned away follows from the traffic of that moment
and from the last words of processes that gave up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.graph import Call, Protocol
from agents.environments.simulated.clock import instant
from agents.environments.simulated.dice import chance, draw
from agents.environments.simulated.network import Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.environments.simulated.applications.graph import Program
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import Life, PodRun
    from agents.environments.simulated.traffic import PodTraffic

_TURNED_AWAY = (Obstacle.ACCOUNT, Obstacle.ROLE, Obstacle.TLS)
_SLOT = 6.0
"""Seconds between two slots of failures, as in `logs`."""


def _mongo(
    moment: float, component: str, context: str, message: str, number: int = 22943, **more: object
) -> str:
    body: dict[str, object] = {
        "t": {
            "$date": f"{instant(moment):%Y-%m-%dT%H:%M:%S}.{int(moment * 1000) % 1000:03d}+00:00"
        },
        "s": "I",
        "c": component,
        "id": number,
        "ctx": context,
        "msg": message,
    }
    if more:
        body["attr"] = more
    return orjson.dumps(body).decode()


def _postgres(moment: float, text: str) -> str:
    when = instant(moment)
    return f"{when:%Y-%m-%d %H:%M:%S}.{int(moment * 1000) % 1000:03d} UTC [1] LOG:  {text}"


def _redis(moment: float, text: str) -> str:
    when = instant(moment)
    return f"1:M {when:%d %b %Y %H:%M:%S}.{int(moment * 1000) % 1000:03d} * {text}"


def milestones(life: Life, program: Program) -> list[tuple[float, str]]:
    """Return what a store says when it is up, and with which way of connecting."""
    up, port = life.start + program.start, program.port
    if program.protocol is Protocol.MONGO:
        mode = "on" if "requireTLS" in life.arguments else "off"
        return [
            (up, _mongo(up, "NETWORK", "listener", "Waiting for connections", port=port, ssl=mode))
        ]
    if program.protocol is Protocol.POSTGRES:
        return [
            (up - 0.1, _postgres(up - 0.1, f'listening on IPv4 address "0.0.0.0", port {port}')),
            (up, _postgres(up, "database system is ready to accept connections")),
        ]
    if program.protocol is Protocol.REDIS:
        kind = "tls" if "--tls-only" in life.arguments else "tcp"
        return [(up, _redis(up, f"Ready to accept connections {kind}"))]
    return []


def noise(program: Program, moment: float, number: int) -> str | None:
    """Return a store's small talk; most of the time there is none."""
    if number % 5:
        return None
    if program.protocol is Protocol.MONGO:
        if number % 2:
            address = f"10.244.1.{number // 10 % 200 + 2}:{40000 + number // 100 % 9000}"
            return _mongo(moment, "NETWORK", "listener", "Connection accepted", remote=address)
        return _mongo(moment, "STORAGE", "Checkpointer", "WiredTiger message")
    if program.protocol is Protocol.POSTGRES:
        return _postgres(
            moment, f"checkpoint complete: wrote {number // 10 % 90} buffers (0.{number % 9}%)"
        )
    if program.protocol is Protocol.REDIS:
        return _redis(moment, f"{number // 10 % 90 + 1} changes in 300 seconds. Saving...")
    return None


def turned_away(
    cluster: Cluster, program: Program, moment: float, pods: dict[str, PodTraffic]
) -> list[tuple[float, str]]:
    """Return what a MongoDB says in one slot of the callers that it did not let in."""
    if program.protocol is not Protocol.MONGO:
        return []
    lines = []
    for uid, traffic in pods.items():
        if not traffic.failures:
            continue
        run = cluster.runs.get(uid)
        call = _call(run, program.name)
        if run is None or call is None:
            continue
        for failure in traffic.failures:
            expected = min(1.0, traffic.rate * failure.ratio * _SLOT)
            if failure.target != program.name or failure.obstacle not in _TURNED_AWAY:
                continue
            if chance(uid, "turned away", moment) < expected:
                lines.append((moment, _refused(moment, failure.obstacle, run, call)))
    return lines


def given_up(
    cluster: Cluster, program: Program, start: float, end: float
) -> Iterator[tuple[float, str]]:
    """Yield what a MongoDB says of eager processes that gave up because of it."""
    if program.protocol is not Protocol.MONGO:
        return
    for run in cluster.runs.values():
        call = _call(run, program.name)
        for life in run.lives if call else ():
            obstacle = _obstacle_in(life)
            if call is None or obstacle is None or life.end is None:
                continue
            moment = life.end - 0.06
            if start <= moment <= end:
                yield moment, _refused(moment, obstacle, run, call)


def _call(run: PodRun | None, store: str) -> Call | None:
    """Return the call of a real program's pod to a store."""
    program = run.lives[-1].program if run and run.lives else None
    if program is None or program.voice is None:
        return None
    return next((call for call in program.calls if call.target == store), None)


def _obstacle_in(life: Life) -> Obstacle | None:
    if life.program is None or not life.program.eager:
        return None
    if "Authentication failed" in life.complaint:
        return Obstacle.ACCOUNT
    return Obstacle.ROLE if "not authorized" in life.complaint else None


def _refused(moment: float, obstacle: Obstacle, run: PodRun, call: Call) -> str:
    number = draw(run.address, moment)
    context = f"conn{number % 900 + 20}"
    remote = f"{run.address}:{40000 + number // 1000 % 9000}"
    if obstacle is Obstacle.TLS:
        return _mongo(
            moment,
            "NETWORK",
            context,
            "Error receiving request from client. Ending connection from remote",
            22988,
            error={
                "code": 141,
                "codeName": "SSLHandshakeFailed",
                "errmsg": "The server is configured to only allow SSL connections",
            },
            remote=remote,
        )
    if obstacle is Obstacle.ROLE:
        text = f"not authorized on {call.database} to execute command"
        error = {"code": 13, "codeName": "Unauthorized", "errmsg": text}
        return _mongo(
            moment, "ACCESS", context, "Checking authorization failed", 20436, error=error
        )
    return _mongo(
        moment,
        "ACCESS",
        context,
        "Authentication failed",
        20249,
        mechanism="SCRAM-SHA-1",
        principalName=call.user,
        authenticationDatabase="admin",
        client=remote,
        result=f'UserNotFound: Could not find user "{call.user}" for db "admin"',
    )
