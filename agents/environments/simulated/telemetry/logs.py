"""Container logs, made when they are read: each line from the seed, the pod and its moment.

Invariant: reading twice gives the same lines; what a window shows does not depend on which
windows were read before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import STORES, Protocol
from agents.environments.simulated.clock import HOUR
from agents.environments.simulated.dice import chance, draw
from agents.environments.simulated.network import Obstacle
from agents.environments.simulated.telemetry import programlogs, storelogs
from agents.environments.simulated.telemetry.metrics import epoch_at
from agents.environments.simulated.telemetry.voice import (
    Voice,
    benign_text,
    handled_text,
    voice_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import Life, PodRun
    from agents.environments.simulated.traffic import Failure, PodTraffic

Line = tuple[float, str]
"""(moment, text)."""

NOISE, BENIGN, FAILURES = 9.0, 50.0, 6.0
"""Seconds between two slots of a kind of line."""
MOST_LINES = 400
_FIRST_WINDOW = 120.0
_TERMINATED = 143
"""Exit code of a process that was told to end; one that is killed says nothing."""


def read(
    cluster: Cluster, run: PodRun, life: Life, *, tail: int | None, since: float | None
) -> list[Line]:
    """Return the lines of one run of a container, oldest first."""
    end = cluster.now if life.end is None else life.end
    horizon = max(life.start, end - HOUR, since if since is not None else 0.0)
    wanted = MOST_LINES if tail is None or tail < 0 else min(tail, MOST_LINES)
    window = _FIRST_WINDOW
    while True:
        start = max(horizon, end - window)
        lines = _between(cluster, run, life, start, end)
        if len(lines) >= wanted or start <= horizon:
            return lines[len(lines) - min(wanted, len(lines)) :]
        window *= 3


def _between(cluster: Cluster, run: PodRun, life: Life, start: float, end: float) -> list[Line]:
    uid = run.pod["metadata"]["uid"]
    lines = [line for line in _milestones(cluster, life) if start <= line[0] <= end]
    if life.program is None or life.complaint or life.program.protocol is Protocol.MEMCACHED:
        return lines if life.program is None or life.complaint else []
    up = max(start, life.start + life.program.start)
    lines += storelogs.given_up(cluster, life.program, up, end)
    for moment, kind in _slots(uid, up, end):
        index = epoch_at(cluster, moment)
        pods = cluster.epochs[index].pods if index >= 0 else {}
        traffic = pods.get(uid)
        number = draw(cluster.seed, uid, kind, moment)
        lines += _lines_of(cluster, life, (moment, kind, number), traffic)
        if kind == "failure":
            lines += storelogs.turned_away(cluster, life.program, moment, pods)
    return sorted(lines)


def _slots(uid: str, start: float, end: float) -> Iterator[tuple[float, str]]:
    """Yield the moments at which a pod may say something, a kind at a time."""
    for kind, period in (("noise", NOISE), ("benign", BENIGN), ("failure", FAILURES)):
        slot = int(start // period)
        while slot * period <= end:
            moment = round(slot * period + period * chance(uid, kind, slot), 3)
            if start <= moment <= end:
                yield moment, kind
            slot += 1


def _milestones(cluster: Cluster, life: Life) -> list[Line]:
    """Return what a process says when it starts and when it is told to end."""
    program = life.program
    if program is not None and program.voice is not None:
        return programlogs.milestones(life, program)
    voice = voice_of(cluster.namespace, cluster.seed)
    if program is None or life.complaint:
        return [(life.start + 0.4, voice.line(life.start + 0.4, 2, life.complaint))]
    if program.protocol in STORES:
        return storelogs.milestones(life, program)
    port = program.listening_port(life.environment)
    begin, up = life.start + 0.1, life.start + program.start
    lines = [
        (begin, voice.line(begin, 0, f"starting {program.name}")),
        (up, voice.line(up, 0, voice.listening.format(port=port, name=program.name))),
    ]
    if life.end is not None and life.exit_code == _TERMINATED:
        stop = life.end - 0.2
        lines.append((stop, voice.line(stop, 1, "received SIGTERM, shutting down")))
    return lines


def _lines_of(
    cluster: Cluster, life: Life, slot: tuple[float, str, int], traffic: PodTraffic | None
) -> list[Line]:
    """Return what is said in one slot: at most a line, or one a failing target."""
    moment, kind, number = slot
    program = life.program
    if program is not None and program.protocol in STORES:
        text = storelogs.noise(program, moment, number) if kind == "noise" else None
        return [(moment, text)] if text else []
    if program is not None and program.voice is not None:
        return programlogs.spoken(cluster, life, slot, traffic)
    voice = voice_of(cluster.namespace, cluster.seed)
    if kind == "benign":
        quiet = number % 100 > 35  # noqa: PLR2004 - a third of the slots speak
        return [] if quiet else [(moment, voice.line(moment, 1, benign_text(number // 100)))]
    if traffic is None or traffic.rate <= 0:
        return []
    if kind == "noise":
        failed = number % 1000 < traffic.errors * 1000
        text = handled_text(voice, number // 1000)
        return [] if failed else [(moment, voice.line(moment, 0, text))]
    return _failures(voice, life, (moment, number), traffic)


def _failures(voice: Voice, life: Life, slot: tuple[float, int], traffic: PodTraffic) -> list[Line]:
    """Return a line for each target whose calls fail often enough to be told in this slot."""
    moment, number = slot
    lines = []
    for index, failure in enumerate(traffic.failures):
        expected = min(1.0, traffic.rate * failure.ratio * FAILURES)
        if chance(number, index) < expected:
            level = 2 if failure.critical else 1
            text = voice.failed.format(
                callee=failure.target, error=error_text(voice, failure, life)
            )
            lines.append((moment + index / 1000, voice.line(moment, level, text)))
    for index, (text, share) in enumerate(traffic.own):
        if chance(number, "own", index) < min(1.0, traffic.rate * share * FAILURES):
            level = 2 if traffic.errors >= share else 1
            lines.append((moment + 0.5 + index / 1000, voice.line(moment, level, text)))
    return lines


def error_text(voice: Voice, failure: Failure, life: Life | None) -> str:
    """Return what a caller's runtime says of an obstacle."""
    if failure.obstacle is Obstacle.UPSTREAM:
        detail = f"{failure.target} failed"
        if voice.nested and failure.cause is not None:
            detail = f"{failure.cause.target}: {error_text(voice, failure.cause, None)}"
        return voice.upstream.format(detail=detail)
    user, database = "client", failure.target
    if life is not None and life.program is not None:
        call = next((c for c in life.program.calls if c.target == failure.target), None)
        known = (call.user if call else None) or "client"
        user = life.environment.get((call.user_variable if call else "") or "", known)
        database = (call.database if call else None) or failure.target
    return voice.errors[failure.obstacle].format(
        host=failure.address.host,
        port=failure.address.port,
        ip=failure.ip,
        user=user,
        database=database,
    )
