"""Canonical bytes: RFC 8785's own examples, times, and what JSON cannot hold exactly."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agents.approval.canonical import Domain, canonical_bytes, canonical_json, timestamp
from agents.contracts.action import RestartRollout, Workload


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (333333333.33333329, "333333333.3333333"),
        (1e30, "1e+30"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (1e-27, "1e-27"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (-1.5, "-1.5"),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        ('\u20ac$\u000f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        (["b", {"z": 1, "a": [2, {}]}], '["b",{"a":[2,{}],"z":1}]'),
        # by UTF-16 code units: the emoji's surrogates stand before U+FB33
        (
            {"\ufb33": 1, "\U0001f600": 2, "\r": 3, "1": 4},
            '{"\\r":3,"1":4,"\U0001f600":2,"\ufb33":1}',
        ),
        ((1, 2), "[1,2]"),
    ],
)
def test_json_is_canonical(value: object, text: str) -> None:
    assert canonical_json(value) == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53 + 1,
        -(2**60),
        {1: 2},
        "\ud800",
        {"\ud800": 1},
        object(),
        {1, 2},
        b"x",
        datetime(2026, 1, 1),  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_what_json_cannot_hold_raises(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says something else
        canonical_json(value)


def test_a_time_has_one_form_whatever_its_zone() -> None:
    moment = datetime(2026, 11, 23, 7, 14, 5, 120, tzinfo=UTC)
    assert timestamp(moment) == "2026-11-23T07:14:05.000120Z"
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert timestamp(elsewhere) == timestamp(moment)
    assert timestamp(datetime(33, 4, 3, tzinfo=UTC)) == "0033-04-03T00:00:00.000000Z"


def test_a_time_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        moment = datetime(2026, 11, 23, 7, 14, 5, tzinfo=UTC)
        assert timestamp(moment) == "2026-11-23T07:14:05.000000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_domains_are_told_apart_by_their_prefix() -> None:
    action = RestartRollout(workload=Workload(kind="deployments", namespace="x", name="y"))
    made = {canonical_bytes(domain, action) for domain in Domain}
    assert len(made) == len(Domain)
    assert all(data.startswith(b"AOI-") for data in made)
    assert not any(a.startswith(b) for a in Domain for b in Domain if a is not b)
