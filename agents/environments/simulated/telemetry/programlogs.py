"""What real programs say: their own words, in the voice that their `Program` names.

Invariant: like `logs`, a line depends on the seed, the pod, its moment and the traffic of that
moment alone. Warnings of `harmless` come whether or not anything is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.dice import chance
from agents.environments.simulated.network import Obstacle, address_of
from agents.environments.simulated.telemetry.voice_frames import ERROR, HANDLED, INFO, WARNING
from agents.environments.simulated.telemetry.voices import VOICES

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Call, Program, Protocol
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import Life
    from agents.environments.simulated.telemetry.voice import Voice
    from agents.environments.simulated.traffic import Failure, PodTraffic

Line = tuple[float, str]
_TERMINATED = 143
_DIALLED = 10.1
"""Seconds after which an eager process has asked its stores."""
_APART = 2e-6
"""Seconds between the rows of one entry; they keep their order."""
_KINDS = {"info": INFO, "warning": WARNING, "error": ERROR}


def ready_after(program: Program) -> float:
    """Return the seconds after its start at which a process says that it serves."""
    return _DIALLED if program.eager else float(program.start)


def milestones(life: Life, program: Program) -> list[Line]:
    """Return what a process says when it starts, when it is told to end, and its last words."""
    voice = VOICES[program.voice or ""]
    port, name = program.listening_port(life.environment), program.name
    said: list[tuple[float, str]] = []
    if not program.crash:
        said = [(life.start + 0.1, text) for text in (*voice.opening, *_asking(life, program))]
    up = life.start + ready_after(program)
    if not life.complaint and (life.end is None or up < life.end):
        said.append((up, voice.listening))
    lines: list[Line] = []
    for index, (moment, text) in enumerate(said):
        filled = text.format(name=name, port=port)
        at = moment + index * 0.003
        lines += rows(at, voice.entry(at, INFO, filled, name))
    if life.complaint:
        lines += last_words(voice, life, name)
    elif life.end is not None and life.exit_code == _TERMINATED:
        stop = life.end - 0.2
        lines += rows(stop, voice.entry(stop, INFO, voice.closing, name))
    return lines


def _asking(life: Life, program: Program) -> list[str]:
    """Return what an eager process says before it asks its stores."""
    stores = [call for call in program.calls if call.database] if program.eager else []
    found = []
    for call in stores:
        found.append(f"Read database URL: {address_of(call, life.environment)}")
        found.append("Initializing DB connection...")
    return found


def last_words(voice: Voice, life: Life, name: str) -> list[Line]:
    """Return the complaint: rows that begin with a level are entries, the others stand raw."""
    moment = (life.end or life.start + 1.0) - 0.05
    lines: list[Line] = []
    for index, row in enumerate(life.complaint.split("\n")):
        at = moment + index * 0.0005
        level, mark, text = row.partition(":")
        if mark and level in _KINDS:
            lines += rows(at, voice.entry(at, _KINDS[level], text, name))
        else:
            lines.append((at, row))
    return lines


def rows(moment: float, entry: str) -> list[Line]:
    """Return an entry's rows, each a line of its own."""
    return [(moment + index * _APART, row) for index, row in enumerate(entry.split("\n"))]


def spoken(
    cluster: Cluster, life: Life, slot: tuple[float, str, int], traffic: PodTraffic | None
) -> list[Line]:
    """Return what a program says in one slot."""
    moment, kind, number = slot
    program = life.program
    if program is None or program.voice is None:
        return []
    voice, name = VOICES[program.voice], program.name
    if moment < life.start + ready_after(program):
        return []
    if kind == "benign":
        texts = (*voice.harmless.get(name, ()), *voice.harmless.get("", ()))
        if not texts or number % 100 > 35:  # noqa: PLR2004 - a third of the slots speak
            return []
        return rows(moment, voice.entry(moment, WARNING, texts[number // 100 % len(texts)], name))
    if traffic is None:
        return []
    rate = _rate(cluster, program, traffic)
    if rate <= 0:
        return []
    if kind == "noise":
        texts = voice.routine.get(name, voice.routine.get("", ()))
        if not texts or number % 1000 < traffic.errors * 1000:
            return []
        return rows(moment, voice.entry(moment, HANDLED, texts[number // 1000 % len(texts)], name))
    return _own(voice, name, (moment, number), (traffic, rate)) + _failures(
        cluster, voice, life, (moment, number), (traffic, rate)
    )


def _rate(cluster: Cluster, program: Program, traffic: PodTraffic) -> float:
    """Return how often a program works: as it is asked, or of its own accord as its target is."""
    if traffic.rate > 0 or cluster.nominal.get(program.name):
        return traffic.rate
    return cluster.nominal.get(program.calls[0].target, 0.0) if program.calls else 1.0


def _own(
    voice: Voice, name: str, slot: tuple[float, int], traffic: tuple[PodTraffic, float]
) -> list[Line]:
    """Return complaints of the process's own trouble: errors when its requests fail of it."""
    moment, number = slot
    served, rate = traffic
    lines: list[Line] = []
    for index, (text, share) in enumerate(served.own):
        if chance(number, "own", index) < min(1.0, rate * share * _SLOT):
            kind = ERROR if served.errors >= share else WARNING
            at = moment + 0.5 + index / 1000
            lines += rows(at, voice.entry(at, kind, text, name))
    return lines


_SLOT = 6.0
"""Seconds between two slots of failures, as in `logs`."""


def _failures(
    cluster: Cluster,
    voice: Voice,
    life: Life,
    slot: tuple[float, int],
    traffic: tuple[PodTraffic, float],
) -> list[Line]:
    moment, number = slot
    served, rate = traffic
    name = life.program.name if life.program else ""
    lines: list[Line] = []
    for index, failure in enumerate(served.failures):
        if chance(number, index) < min(1.0, rate * failure.ratio * _SLOT):
            text = voice.failed.format(
                callee=failure.target, error=error_text(cluster, voice, failure, life)
            )
            at = moment + index / 1000
            kind = ERROR if failure.critical else WARNING
            lines += rows(at, voice.entry(at, kind, text, name))
    return lines


def error_text(cluster: Cluster, voice: Voice, failure: Failure, life: Life | None) -> str:
    """Return what the caller's client library says of an obstacle."""
    call = _call(cluster, failure.target)
    environment = life.environment if life else {}
    user = environment.get((call.user_variable if call else "") or "") or (call and call.user)
    database = (call and call.database) or failure.target
    words = {
        "callee": failure.target,
        "host": failure.address.host,
        "port": failure.address.port,
        "ip": failure.ip,
        "user": user or "client",
        "database": database,
        "collection": database.removesuffix("-db"),
    }
    if failure.obstacle is Obstacle.UPSTREAM:
        detail = f"{failure.target} failed"
        if voice.nested and failure.cause is not None:
            why = error_text(cluster, voice, failure.cause, None)
            detail = f"{failure.cause.target}: {why}"
        return voice.upstream.format(detail=detail, **words)
    spoken_there = voice.clients.get(_protocol(cluster, failure.target), voice.errors)
    template = spoken_there.get(failure.obstacle) or voice.errors[failure.obstacle]
    return template.format(**words)


def _call(cluster: Cluster, target: str) -> Call | None:
    """Return the edge that leads to a component, whoever's it is."""
    calls = (c for component in cluster.application.components for c in component.program.calls)
    return next((call for call in calls if call.target == target), None)


def _protocol(cluster: Cluster, name: str) -> Protocol:
    return cluster.application.component(name).program.protocol
