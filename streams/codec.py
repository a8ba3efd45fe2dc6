"""Facts as Kafka records and back: CloudEvents 1.0, Kafka binary content mode.

Invariant: what `encode` writes, `decode` reads back equal; what `decode` can't read raises `Poison`
with a reason code and nothing else. A fact is accepted only on a topic that carries it.
Sources: cloudevents/spec v1.0.2, `kafka-protocol-binding.md` 3.2 and `primer`; W3C trace context.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from agents.contracts.model_base import TYPE_PREFIX, TYPE_SUFFIX, Fact
from agents.contracts.registry import FACTS
from agents.worker import Poison
from streams.topic import MAX_RECORD_BYTES

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
MAX_HEADER_BYTES = 65_536
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers = tuple[tuple[str, bytes], ...]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_VERSIONED = re.compile(rf"({re.escape(TYPE_PREFIX)}[A-Za-z]+)\.v\d+")


class Source(NamedTuple):
    """A partition by its topic's name in the registry (without the prefix)."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Kafka record as bytes; `value` None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A record with its place in the log; `timestamp` is the broker's, ms since the epoch."""

    source: Source
    offset: int
    record: Record
    timestamp: int = 0


def encode(event: Event) -> Record:
    """Return the record of an event. Raises Poison `oversize` or `naive-time`."""
    if event.time.tzinfo is None:
        raise Poison("naive-time", f"expected an aware time in {event.type} {event.id}, got none")
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event.id,
        "ce_type": event.type,
        "ce_source": event.source,
        "ce_time": rfc3339(event.time),
        "ce_partitionkey": event.key,
        "ce_correlationid": event.incident,
        "ce_causationid": event.cause,
        "ce_sequence": None if event.sequence is None else str(event.sequence),
        "ce_applied": orjson.dumps(event.applied).decode() if event.applied else None,
        "traceparent": event.traceparent,
        "content-type": CONTENT_TYPE,
    }
    headers = tuple((name, text.encode()) for name, text in attributes.items() if text is not None)
    value = orjson.dumps(event.fact.model_dump(mode="json"))
    _bounded(value, headers)
    return Record(key=event.key.encode(), value=value, headers=headers)


def decode(
    received: Received, facts: Iterable[type[Fact]] | None = None, *, broker_time: bool = False
) -> Event:
    """Return the event of a record; `facts` are those that its topic carries (None: any).

    A record without `ce_time` has the broker's timestamp (with `broker_time` every one has), one
    without key its `ce_partitionkey`.
    Raises Poison: `oversize`, `not-json`, `missing-attribute`, `invalid-attribute`,
    `unknown-version`, `unknown-type`, `wrong-topic`, `invalid-fact`.
    """
    record = received.record
    if record.value is None:
        raise Poison("not-json", "expected a JSON value, got a tombstone")
    _bounded(record.value, record.headers)
    attributes = _attributes(record.headers)
    kind = _kind(_required(attributes, "ce_type"))
    if facts is not None and kind not in tuple(facts):
        raise Poison("wrong-topic", f"{kind.TYPE} does not belong on {received.source.topic}")
    version = _required(attributes, "ce_specversion")
    if version != SPEC_VERSION:
        raise Poison("invalid-attribute", f"expected ce_specversion 1.0, got {version!r}")
    sequence = attributes.get("ce_sequence")
    time = attributes.get("ce_time")
    incident, cause = attributes.get("ce_correlationid"), attributes.get("ce_causationid")
    return Event(
        id=EventId(_required(attributes, "ce_id")),
        source=_required(attributes, "ce_source"),
        time=_received_at(received) if time is None or broker_time else parse_time(time),
        key=_key(record.key, attributes),
        fact=_fact(kind, record.value),
        incident=None if incident is None else IncidentId(incident),
        cause=None if cause is None else EventId(cause),
        sequence=None if sequence is None else _natural(sequence),
        applied=_applied(attributes.get("ce_applied")),
        traceparent=attributes.get("traceparent", attributes.get("ce_traceparent")),
    )


def rfc3339(time: datetime) -> str:
    """Return an aware time in UTC with the suffix Z."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_time(text: str) -> datetime:
    """Return the UTC time of an RFC 3339 text; digits under a microsecond are cut off.

    Raises Poison `invalid-attribute`.
    """
    try:
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Poison("invalid-attribute", f"expected ce_time as RFC 3339, got {text[:64]!r}")


def _bounded(value: bytes, headers: Headers) -> None:
    if len(value) > MAX_RECORD_BYTES:
        raise Poison("oversize", f"expected at most {MAX_RECORD_BYTES} bytes, got {len(value)}")
    size = sum(len(name) + len(content) for name, content in headers)
    if size > MAX_HEADER_BYTES:
        raise Poison("oversize", f"expected headers under {MAX_HEADER_BYTES} bytes, got {size}")


def _attributes(headers: Headers) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, content in headers:
        if not (name.startswith("ce_") or name == "traceparent"):
            continue
        if name in attributes:
            raise Poison("invalid-attribute", f"expected {name} once, got it twice")
        try:
            attributes[name] = content.decode()
        except (UnicodeDecodeError, AttributeError) as error:
            raise Poison("invalid-attribute", f"expected {name} in UTF-8") from error
    return attributes


def _required(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name)
    if not value:
        raise Poison("missing-attribute", f"expected the header {name}, got none")
    return value


def _kind(name: str) -> type[Fact]:
    kind = FACTS.get(name)
    if kind is not None:
        return kind
    versioned = _VERSIONED.fullmatch(name)
    if versioned and f"{versioned[1]}{TYPE_SUFFIX}" in FACTS:
        raise Poison("unknown-version", f"expected {versioned[1]}{TYPE_SUFFIX}, got {name}")
    raise Poison("unknown-type", f"no fact has the type {name[:128]!r}")


def _fact(kind: type[Fact], value: bytes) -> Fact:
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Poison("not-json", f"expected JSON, got {value[:32]!r}: {error}") from error
    try:
        return kind.model_validate(content)
    except (ValidationError, RecursionError) as error:
        raise Poison("invalid-fact", f"not a {kind.__name__}: {error}"[:2000]) from error


def _key(key: bytes | None, attributes: Mapping[str, str]) -> str:
    if key is None:
        return attributes.get("ce_partitionkey", "")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise Poison("invalid-attribute", "expected the record's key in UTF-8") from error


def _natural(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19:  # noqa: PLR2004 - fits in 64 bits
        return int(text)
    raise Poison("invalid-attribute", f"expected ce_sequence as a number, got {text[:32]!r}")


def _applied(text: str | None) -> tuple[EventId, ...]:
    if text is None:
        return ()
    try:
        ids = orjson.loads(text)
    except orjson.JSONDecodeError:
        ids = None
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Poison("invalid-attribute", f"expected ce_applied as a JSON list, got {text[:64]!r}")
    return tuple(EventId(one) for one in ids)


def _received_at(received: Received) -> datetime:
    return EPOCH + timedelta(milliseconds=received.timestamp)
