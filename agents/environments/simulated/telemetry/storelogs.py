"""Logs of data stores in their own formats: MongoDB, PostgreSQL, Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.graph import Protocol
from agents.environments.simulated.clock import instant

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Program
    from agents.environments.simulated.controllers.process import Life


def _mongo(moment: float, component: str, context: str, message: str, **more: object) -> str:
    body: dict[str, object] = {
        "t": {
            "$date": f"{instant(moment):%Y-%m-%dT%H:%M:%S}.{int(moment * 1000) % 1000:03d}+00:00"
        },
        "s": "I",
        "c": component,
        "id": 22943,
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
