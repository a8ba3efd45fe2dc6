"""Records that could not be handled, kept whole with the reason.

Invariant: a dead letter holds the record's bytes as they were, and its id derives from the record's
place, so that a redelivery repeats it. Only `streams/guard.py` and the intake make them.
"""

import base64
from datetime import datetime

from agents.contracts.audit import DeadLettered
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, derive
from agents.roles import Role
from agents.worker import Poison
from streams.codec import MAX_HEADER_BYTES, Headers, Received
from streams.topic import MAX_RECORD_BYTES

MAX_KEPT_BYTES = MAX_RECORD_BYTES // 2
MAX_KEY_BYTES = 65_536


def dead_letter(role: Role, received: Received, poison: Poison, now: datetime) -> Event:
    """Return the event that tells of a record which `role` gave up.

    A value over half of the largest record is cut, as its base64 would not fit; the whole stays at
    its place in the source topic.
    """
    source, record = received.source, received.record
    place = f"{source.topic}/{source.partition}/{received.offset}"
    fact = DeadLettered(
        source_topic=source.topic,
        partition=source.partition,
        offset=received.offset,
        key=None if record.key is None else _text(record.key[:MAX_KEY_BYTES]),
        value=_text((record.value or b"")[:MAX_KEPT_BYTES]),
        headers=_small(record.headers),
        reason=poison.code,
        message=str(poison)[:4000],
        role=str(role),
    )
    return Event(
        id=EventId(derive("deadletter", role, place)),
        source=f"aoi/{role}",
        time=now,
        key=source.topic,
        fact=fact,
    )


def _small(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return the headers in base64, as many as fit in 64 KiB."""
    kept: list[tuple[str, str]] = []
    room = MAX_HEADER_BYTES
    for name, content in headers:
        room -= len(name) + len(content or b"")
        if room < 0:
            break
        kept.append((name, _text(content or b"")))
    return tuple(kept)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
