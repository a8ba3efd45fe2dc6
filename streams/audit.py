"""The audit as it stands in its two topics, or in a dump of them: JSON lines, one record a line.

Invariant: nothing is skipped: a record that can't be read is an entry with its fault. Heads are
read before the records that they vouch for, so that what is written meanwhile is never taken for
a cut tail.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from agents.approval.audit_finding import Finding, FindingKind, Head, Link, Place
from agents.contracts.audit import AuditHeadPublished, AuditRecorded
from agents.worker import AoiError, Poison
from streams import history
from streams.codec import Received, decode, parse_time, rfc3339
from streams.settings import KafkaSettings
from streams.topics import AUDIT, AUDIT_HEADS

FACTS: dict[str, type[AuditRecorded] | type[AuditHeadPublished]] = {
    AUDIT.name: AuditRecorded,
    AUDIT_HEADS.name: AuditHeadPublished,
}


class AuditUnreadable(AoiError):
    """What was given is no dump of an audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of the two topics; `fault` says why it has no fact. `line` is that of a dump."""

    topic: str
    place: Place | None
    key: str | None = None
    time: datetime | None = None
    fact: AuditRecorded | AuditHeadPublished | None = None
    fault: str = ""
    line: int | None = None


async def read_topics(settings: KafkaSettings) -> list[Entry]:
    """Return everything that both topics hold, in the order of the log.

    Raises `HistoryUnavailable`.
    """
    heads = [_entry(one) async for one in history.history(settings, [AUDIT_HEADS])]
    # a transaction's marks come after its answer: its records may still be undecided
    records = [_entry(one) async for one in history.history(settings, [AUDIT], settled=True)]
    return sorted([*records, *heads], key=_position)


def read_dump(path: Path) -> list[Entry]:
    """Return the entries of a dump in the order of its lines. Raises `AuditUnreadable`, OSError."""
    with path.open("rb") as file:
        entries = [_parsed(text, number) for number, text in enumerate(file, 1) if text.strip()]
    if not any(entry.fact is not None for entry in entries):
        raise AuditUnreadable(
            f"expected JSON lines of `aoi audit export` in {path}, found no record in "
            f"{len(entries)} lines"
        )
    return entries


def dump(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a dump, each with its line feed."""
    for entry in entries:
        content: dict[str, object] = {"topic": entry.topic, "key": entry.key}
        if entry.place is not None:
            content |= {"partition": entry.place.partition, "offset": entry.place.offset}
        if entry.time is not None:
            content["time"] = rfc3339(entry.time)
        if entry.fact is None:
            content["fault"] = entry.fault
        else:
            content["fact"] = entry.fact.model_dump(mode="json")
        yield orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def links(entries: Iterable[Entry]) -> list[Link]:
    """Return the records of the audit, for `agents.approval.audit_proof`."""
    return [
        Link(record=one.fact, place=one.place, key=one.key, time=one.time)
        for one in entries
        if isinstance(one.fact, AuditRecorded)
    ]


def heads(entries: Iterable[Entry]) -> list[Head]:
    """Return the published heads."""
    return [
        Head(head=one.fact, place=one.place, key=one.key)
        for one in entries
        if isinstance(one.fact, AuditHeadPublished)
    ]


def unreadable(entries: Iterable[Entry]) -> list[Finding]:
    """Return a finding for each entry that can't be read; its number is -1, since none is known."""
    return [
        Finding(
            kind=FindingKind.UNREADABLE,
            writer=one.key or "",
            index=-1,
            expected="a record" if one.line is None else f"a record in line {one.line}",
            actual=one.fault,
            place=one.place,
            in_heads=one.topic == AUDIT_HEADS.name,
        )
        for one in entries
        if one.fact is None
    ]


def _entry(received: Received) -> Entry:
    place = Place(received.source.partition, received.offset)
    topic, key = received.source.topic, received.record.key
    name = None if key is None else key.decode("utf-8", "replace")
    try:
        event = decode(received, [FACTS[topic]])
        content = orjson.loads(received.record.value or b"")
        fact = _fact(topic, content)
    except (Poison, ValueError) as error:
        return Entry(topic=topic, place=place, key=name, fault=str(error))
    return Entry(topic=topic, place=place, key=name, time=event.time, fact=fact)


def _parsed(text: bytes, number: int) -> Entry:
    entry = Entry(topic=AUDIT.name, place=None, line=number, fault="not a line of a dump")
    try:
        content = orjson.loads(text)
        topic, key, time = content["topic"], content["key"], content.get("time")
        if topic not in FACTS or not isinstance(key, str | None):
            return entry
        place = Place(int(content["partition"]), int(content["offset"]))
        entry = Entry(topic=topic, place=place, key=key, line=number, fault="no fact")
        fact = _fact(topic, content["fact"])
        when = None if time is None else parse_time(time)
    except (Poison, ValueError, LookupError, TypeError, AttributeError) as error:
        fault = f"{entry.fault}: {error}"[:500]
        return Entry(topic=entry.topic, place=entry.place, key=entry.key, line=number, fault=fault)
    return Entry(topic=topic, place=place, key=key, time=when, fact=fact, line=number)


def _fact(topic: str, content: object) -> AuditRecorded | AuditHeadPublished:
    """Return the fact; raises ValueError, too for members that no hash covers."""
    kind = FACTS[topic]
    unknown = content.keys() - kind.model_fields.keys() if isinstance(content, dict) else ()
    if unknown:
        raise ValueError(f"no hash covers its members {', '.join(sorted(unknown))}")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"not a {kind.__name__}: {error.errors()[0]['msg']}") from error


def _position(entry: Entry) -> tuple[str, Place]:
    return entry.topic, entry.place or Place(0, 0)
