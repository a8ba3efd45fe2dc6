"""The codec: what is written is read back equal, and nothing but Poison comes of bad bytes."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.v1.kafka import KafkaMessage, from_binary
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.alert import GroupReleased
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from agents.worker import Poison
from streams import topics
from streams.codec import MAX_HEADER_BYTES, Received, Record, Source, decode, encode, parse_time

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=30))]))


def event(**more: Any) -> Event:
    fact = GroupReleased(group="g", incident_id="i", outcome="success", reason="")
    known: dict[str, Any] = {
        "id": EventId("e"),
        "source": "aoi/closer",
        "time": datetime(2026, 11, 23, 7, 0, tzinfo=UTC),
        "key": "g",
        "fact": fact,
    }
    return Event(**known | more)


def received(record: Record, *, timestamp: int = 0) -> Received:
    source = Source(topics.ALERTS_GROUPED.name, 0)
    return Received(source=source, offset=0, record=record, timestamp=timestamp)


def without(record: Record, name: str) -> Record:
    headers = tuple(header for header in record.headers if header[0] != name)
    return Record(key=record.key, value=record.value, headers=headers)


def with_header(record: Record, name: str, value: bytes) -> Record:
    kept = without(record, name)
    return Record(key=kept.key, value=kept.value, headers=(*kept.headers, (name, value)))


EVENTS = st.builds(
    event,
    id=TEXT,
    key=TEXT,
    time=TIMES,
    incident=st.none() | TEXT,
    cause=st.none() | TEXT,
    sequence=st.none() | st.integers(0, 2**59),
    applied=st.lists(TEXT, max_size=5).map(tuple),
    traceparent=st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    fact=st.builds(
        GroupReleased,
        group=TEXT,
        incident_id=TEXT,
        outcome=TEXT,
        reason=st.text(st.characters(exclude_categories=["Cs"])),
    ),
)


@given(written=EVENTS)
def test_what_is_written_is_read_back_equal(written: Event) -> None:
    assert decode(received(encode(written)), topics.ALERTS_GROUPED.facts) == written


@given(
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=60),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "x"]),
            st.sampled_from([b"1.0", GroupReleased.TYPE.encode(), b"\xff", b"", b"2026"]),
        ),
        max_size=7,
    ),
)
def test_any_bytes_are_an_event_or_poison(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    record = Record(key=key, value=value, headers=tuple(headers))
    with suppress(Poison):
        decode(received(record))


def test_the_cloudevents_sdk_reads_our_records() -> None:
    record = encode(event(incident=IncidentId("i"), cause=EventId("c"), sequence=3))
    message = KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
    theirs = from_binary(message, data_unmarshaller=lambda data: data)
    assert theirs["specversion"] == "1.0"
    assert theirs["id"] == "e"
    assert theirs["type"] == "dev.aoi.GroupReleased.v1"
    assert theirs["source"] == "aoi/closer"
    assert theirs["time"] == "2026-11-23T07:00:00Z"
    assert theirs["partitionkey"] in ("g", b"g")
    assert theirs["correlationid"] == "i"
    assert theirs["causationid"] == "c"
    assert theirs["sequence"] == "3"
    assert theirs["datacontenttype"] == "application/json"


def _broken() -> list[tuple[str, Record]]:
    good = encode(event())
    kind = "ce_type"
    return [
        ("not-json", Record(key=b"g", value=None, headers=good.headers)),
        ("not-json", Record(key=b"g", value=b"{", headers=good.headers)),
        ("invalid-fact", Record(key=b"g", value=b"{}", headers=good.headers)),
        ("invalid-fact", Record(key=b"g", value=b"[]", headers=good.headers)),
        ("missing-attribute", without(good, "ce_id")),
        ("missing-attribute", without(good, kind)),
        ("missing-attribute", without(good, "ce_source")),
        ("missing-attribute", without(good, "ce_specversion")),
        ("unknown-type", with_header(good, kind, b"dev.aoi.Nothing.v1")),
        ("unknown-version", with_header(good, kind, b"dev.aoi.GroupReleased.v2")),
        ("wrong-topic", with_header(good, kind, b"dev.aoi.ActionApproved.v1")),
        ("invalid-attribute", with_header(good, "ce_specversion", b"0.3")),
        ("invalid-attribute", with_header(good, "ce_time", b"yesterday")),
        ("invalid-attribute", with_header(good, "ce_time", b"2026-11-23T07:00:00")),
        ("invalid-attribute", with_header(good, "ce_sequence", b"-1")),
        ("invalid-attribute", with_header(good, "ce_applied", b'{"a":1}')),
        ("invalid-attribute", with_header(good, "ce_id", b"\xff\xfe")),
        (
            "invalid-attribute",
            Record(key=b"g", value=good.value, headers=(*good.headers, ("ce_id", b"f"))),
        ),
        ("invalid-attribute", Record(key=b"\xff", value=good.value, headers=good.headers)),
        ("oversize", Record(key=b"g", value=b"x" * 1_048_577, headers=good.headers)),
        ("oversize", with_header(good, "x", b"x" * MAX_HEADER_BYTES)),
    ]


@pytest.mark.parametrize(("code", "record"), _broken())
def test_bad_records_say_what_is_wrong(code: str, record: Record) -> None:
    with pytest.raises(Poison) as caught:
        decode(received(record), topics.ALERTS_GROUPED.facts)
    assert caught.value.code == code


def test_a_record_without_time_has_the_brokers() -> None:
    record = without(encode(event()), "ce_time")
    read = decode(received(record, timestamp=1_795_417_200_123))
    assert read.time == datetime(2026, 11, 23, 7, 0, 0, 123_000, tzinfo=UTC)


def test_a_record_without_key_has_its_partitionkey() -> None:
    record = encode(event())
    read = decode(received(Record(key=None, value=record.value, headers=record.headers)))
    assert read.key == "g"


def test_unknown_fields_and_headers_are_ignored() -> None:
    record = encode(event())
    assert record.value is not None
    value = record.value[:-1] + b',"later":1}'
    headers = (*record.headers, ("x-proxy", b"\xff"))
    assert decode(received(Record(key=b"g", value=value, headers=headers))) == event()


def test_times_of_every_rfc3339_form_are_read() -> None:
    moment = datetime(2026, 11, 23, 7, 0, 0, 123_456, tzinfo=UTC)
    for text in (
        "2026-11-23T07:00:00.123456Z",
        "2026-11-23t07:00:00.123456z",
        "2026-11-23T09:00:00.123456789+02:00",
    ):
        assert parse_time(text) == moment


def test_an_event_that_is_too_large_or_has_no_zone_is_not_written() -> None:
    large = GroupReleased(group="g", incident_id="i", outcome="o", reason="x" * 1_048_576)
    with pytest.raises(Poison, match="at most"):
        encode(event(fact=large))
    with pytest.raises(Poison, match="aware"):
        encode(event(time=datetime(2026, 1, 1)))  # noqa: DTZ001 - what is refused
