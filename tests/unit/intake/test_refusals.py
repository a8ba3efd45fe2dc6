"""Every way in which a delivery can be bad, each with its reason code; nothing else leaks."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streams.intake import reading
from streams.intake.bad import Reason
from streams.intake.settings import IntakeSettings

FOLDER = Path(__file__).parents[2] / "fixtures" / "intake"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NONE: Mapping[str, str] = {}


def own(**changes: Any) -> bytes:
    alert = {
        "fingerprint": "f",
        "group": "g",
        "status": "firing",
        "labels": {},
        "starts_at": "2026-11-20T10:00:00Z",
    }
    return json.dumps(
        {name: value for name, value in (alert | changes).items() if value != ...}
    ).encode()


def manager(**changes: Any) -> bytes:
    document = json.loads((FOLDER / "alertmanager" / "resolved.json").read_text())
    return json.dumps(
        {name: value for name, value in (document | changes).items() if value != ...}
    ).encode()


def reasons(
    source_format: str,
    body: bytes,
    headers: Mapping[str, str] = NONE,
    settings: IntakeSettings | None = None,
) -> list[str]:
    found = reading.read(
        source_format, body, headers, now=NOW, settings=settings or IntakeSettings()
    )
    return [bad.code for bad in found.refused]


CE = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/m",
    "ce-type": "dev.aoi.AlertReceived.v1",
}

BAD = {
    "no such format": ("nagios", b"{}", NONE, Reason.UNKNOWN_FORMAT),
    "empty": ("aoi", b"", NONE, Reason.NOT_JSON),
    "text": ("alertmanager", b"firing!", NONE, Reason.NOT_JSON),
    "half a document": ("aoi", own()[:-5], NONE, Reason.NOT_JSON),
    "not UTF-8": ("aoi", b'{"a": "\xff"}', NONE, Reason.NOT_JSON),
    "NaN": ("aoi", b'{"a": NaN}', NONE, Reason.NOT_JSON),
    "a number": ("aoi", b"7", NONE, Reason.MALFORMED),
    "no start": ("aoi", own(starts_at=...), NONE, Reason.MISSING_FIELD),
    "no alerts": ("alertmanager", manager(alerts=...), NONE, Reason.MISSING_FIELD),
    "no version": ("alertmanager", manager(version=...), NONE, Reason.MISSING_FIELD),
    "no event": ("pagerduty", b"{}", NONE, Reason.MISSING_FIELD),
    "no alert": ("opsgenie", b'{"action": "Create"}', NONE, Reason.MISSING_FIELD),
    "a status of its own": ("aoi", own(status="burning"), NONE, Reason.MALFORMED),
    "a label that is no text": ("aoi", own(labels={"a": 1}), NONE, Reason.MALFORMED),
    "a time without zone": ("aoi", own(starts_at="2026-11-20T10:00:00"), NONE, Reason.MALFORMED),
    "an empty fingerprint": ("aoi", own(fingerprint=""), NONE, Reason.MALFORMED),
    "a time in the future": (
        "aoi",
        own(starts_at="2026-11-20T12:05:01Z"),
        NONE,
        Reason.FUTURE_TIME,
    ),
    "an end in the future": ("aoi", own(ends_at="2027-01-01T00:00:00Z"), NONE, Reason.FUTURE_TIME),
    "an unknown task": ("aoi", own(labels={"aoi_task": "dance"}), NONE, Reason.UNKNOWN_TASK),
    "many labels": (
        "aoi",
        own(labels={str(n): "" for n in range(129)}),
        NONE,
        Reason.LABELS_TOO_LARGE,
    ),
    "no room for the task": (
        "aoi",
        own(labels={str(n): "" for n in range(128)}),
        NONE,
        Reason.LABELS_TOO_LARGE,
    ),
    "large labels": ("aoi", own(labels={"a": "x" * 16_384}), NONE, Reason.LABELS_TOO_LARGE),
    "large annotations": (
        "aoi",
        own(annotations={"a": "é" * 131_072}),
        NONE,
        Reason.LABELS_TOO_LARGE,
    ),
    "Alertmanager 5": ("alertmanager", manager(version="5"), NONE, Reason.UNKNOWN_VERSION),
    "Grafana as Alertmanager": ("grafana", manager(), NONE, Reason.UNKNOWN_VERSION),
    "PagerDuty v2": ("pagerduty", b'{"messages": []}', NONE, Reason.UNKNOWN_VERSION),
    "CloudEvents 0.3": (
        "cloudevents",
        own(),
        CE | {"ce-specversion": "0.3"},
        Reason.UNKNOWN_VERSION,
    ),
    "our fact v2": (
        "cloudevents",
        own(),
        CE | {"ce-type": "dev.aoi.AlertReceived.v2"},
        Reason.UNKNOWN_VERSION,
    ),
    "another event": (
        "cloudevents",
        own(),
        CE | {"ce-type": "com.other.Thing"},
        Reason.UNKNOWN_TYPE,
    ),
    "no attributes": ("cloudevents", own(), NONE, Reason.MISSING_FIELD),
    "a batch that is none": (
        "cloudevents",
        own(),
        {"content-type": "application/cloudevents-batch+json"},
        Reason.MALFORMED,
    ),
    "an action without creation": (
        "opsgenie",
        b'{"action": "Create", "alert": {"alertId": "a", "message": "m", "createdAt": "soon"}}',
        NONE,
        Reason.MALFORMED,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_delivery_is_refused_with_its_reason(case: str) -> None:
    source_format, body, headers, reason = BAD[case]
    assert reasons(source_format, body, headers) == [reason]


def test_limits_are_inclusive() -> None:
    edge = (NOW + timedelta(minutes=5)).isoformat()
    assert reasons("aoi", own(starts_at=edge)) == []
    for place in ("labels", "annotations"):
        room = 16_384 - written(**{place: {"a": ""}})
        assert reasons("aoi", own(**{place: {"a": "x" * room}})) == []
        assert reasons("aoi", own(**{place: {"a": "x" * (room + 1)}})) == [Reason.LABELS_TOO_LARGE]


def written(**changes: Any) -> int:
    """Return the bytes of an alert as an incident's record carries it."""
    found = reading.read("aoi", own(**changes), NONE, now=NOW, settings=IntakeSettings())
    return len(orjson.dumps(found.grouped[0].alert.model_dump(mode="json")))


@pytest.mark.parametrize(
    "changes",
    [
        {"generator_url": "https://m/" + "x" * 16_384},
        {"labels": {"a": '"' * 9_000}},
        {"annotations": {"a": "\n" * 9_000}},
        {"annotations": {f"{n:03}": "x" * 120 for n in range(128)}},
    ],
    ids=["url", "quotes", "newlines", "many names"],
)
def test_an_alert_is_measured_as_a_whole_and_as_json(changes: dict[str, Any]) -> None:
    assert reasons("aoi", own(**changes)) == [Reason.LABELS_TOO_LARGE]


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\r", "\t", "\n", "\x1f"])
@pytest.mark.parametrize(
    "place", ["fingerprint", "group", "generator_url", "label", "label name", "annotation name"]
)
def test_a_line_has_no_control_character(place: str, sign: str) -> None:
    text = f"a{sign}b"
    changes: dict[str, Any] = {
        "label": {"labels": {"a": text}},
        "label name": {"labels": {text: "a"}},
        "annotation name": {"annotations": {text: "a"}},
    }.get(place, {place: text})
    assert reasons("aoi", own(**changes)) == [Reason.CONTROL_CHARACTER]


def test_an_annotation_may_have_lines_and_tabs_but_no_other_control_character() -> None:
    assert reasons("aoi", own(annotations={"a": "one\r\n\ttwo"})) == []
    for code in set(range(0x20)) - {0x09, 0x0A, 0x0D}:
        assert reasons("aoi", own(annotations={"a": f"one{chr(code)}two"})) == [
            Reason.CONTROL_CHARACTER
        ]


def test_one_bad_alert_costs_no_good_one() -> None:
    good, late = (
        json.loads(own(fingerprint="good")),
        json.loads(own(starts_at="2030-01-01T00:00:00Z")),
    )
    found = reading.read(
        "aoi", json.dumps([good, late]).encode(), NONE, now=NOW, settings=IntakeSettings()
    )
    assert [one.alert.fingerprint for one in found.grouped] == ["good"]
    assert [bad.code for bad in found.refused] == [Reason.FUTURE_TIME]


def test_a_message_does_not_repeat_what_the_sender_wrote() -> None:
    found = reading.read("aoi", own(status="hunter2"), NONE, now=NOW, settings=IntakeSettings())
    assert "hunter2" not in str(found.refused[0])


def test_pagerduty_is_believed_only_under_a_known_secret() -> None:
    body = (FOLDER / "pagerduty" / "triggered.json").read_bytes()
    settings = IntakeSettings(pagerduty_secrets=(SecretStr("old"), SecretStr("new")))
    signature = hmac.new(b"new", body, sha256).hexdigest()
    several = {"x-pagerduty-signature": f"v1={'0' * 64}, v1={signature}"}
    assert reasons("pagerduty", body, several, settings) == []
    for headers in (
        NONE,
        {"x-pagerduty-signature": ""},
        {"x-pagerduty-signature": f"v0={signature}"},
        {"x-pagerduty-signature": f"v1={hmac.new(b'other', body, sha256).hexdigest()}"},
        {"x-pagerduty-signature": "v1=é"},
    ):
        assert reasons("pagerduty", body, headers, settings) == [Reason.BAD_SIGNATURE]
    assert reasons("pagerduty", body + b" ", several, settings) == [Reason.BAD_SIGNATURE]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
FORMATS = st.sampled_from(sorted(reading.FORMATS))


@given(source_format=FORMATS, body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_refused(source_format: str, body: bytes) -> None:
    found = reading.read(source_format, body, NONE, now=NOW, settings=IntakeSettings())
    assert all(bad.code in set(Reason) for bad in found.refused)


@given(data=st.data(), value=JSON)
def test_any_one_changed_field_is_read_or_refused(data: st.DataObject, value: object) -> None:
    file = data.draw(
        st.sampled_from(["alertmanager/resolved", "pagerduty/triggered", "opsgenie/close"])
    )
    document = json.loads((FOLDER / f"{file}.json").read_text())
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = value
        break
    body = json.dumps(document).encode()
    reasons(file.partition("/")[0], body)
