"""The calendar of freezes: zones, midnight, summer time, and the end that is outside."""

from datetime import datetime

import pytest

from agents.policy.limits import FreezeRule, LimitsInvalid, read_limits

NIGHTS = """
[freeze]
time_zone = "Europe/Zurich"
[[freeze.windows]]
name = "nights"
days = ["fri"]
opens = "20:00"
closes = "06:00"
"""
WEEKEND = """
[freeze]
[[freeze.windows]]
name = "weekend"
days = ["sat", "sun"]
opens = "00:00"
closes = "24:00"
rule = "deny"
[[freeze.windows]]
name = "lunch"
days = ["sun"]
opens = 12:00:00
closes = "13:30"
"""
ONCE = """
[freeze]
time_zone = "America/New_York"
[[freeze.windows]]
name = "launch"
begins = 2026-07-01T09:00:00
ends = 2026-07-01T15:00:00Z
"""


@pytest.mark.parametrize(
    ("settings", "moment", "rule"),
    [
        # 2026-03-06 is a Friday; Zurich is an hour ahead of UTC in winter, two in summer
        (NIGHTS, "2026-03-06T18:59:59+00:00", None),
        (NIGHTS, "2026-03-06T19:00:00+00:00", FreezeRule.ASK),
        (NIGHTS, "2026-03-07T04:59:59+00:00", FreezeRule.ASK),
        (NIGHTS, "2026-03-07T05:00:00+00:00", None),
        (NIGHTS, "2026-03-06T04:00:00+00:00", None),  # the night of Thursday
        (NIGHTS, "2026-07-03T18:00:00+00:00", FreezeRule.ASK),
        (NIGHTS, "2026-07-03T17:59:59+00:00", None),
        (WEEKEND, "2026-03-06T23:59:59+00:00", None),
        (WEEKEND, "2026-03-07T00:00:00+00:00", FreezeRule.DENY),
        (WEEKEND, "2026-03-08T12:30:00+00:00", FreezeRule.DENY),
        (WEEKEND, "2026-03-08T23:59:59+00:00", FreezeRule.DENY),
        (WEEKEND, "2026-03-09T00:00:00+00:00", None),
        (ONCE, "2026-07-01T12:59:59+00:00", None),
        (ONCE, "2026-07-01T13:00:00+00:00", FreezeRule.ASK),
        (ONCE, "2026-07-01T15:00:00+00:00", None),
    ],
)
def test_a_window_holds_in_its_own_zone(
    settings: str, moment: str, rule: FreezeRule | None
) -> None:
    freeze = read_limits(settings).freeze
    assert freeze.in_force(datetime.fromisoformat(moment)) is rule


def test_a_calendar_is_never_asked_without_an_aware_time() -> None:
    freeze = read_limits(WEEKEND).freeze
    with pytest.raises(LookupError):
        freeze.in_force(None)
    with pytest.raises(LookupError):
        freeze.in_force(datetime(2026, 3, 7))  # noqa: DTZ001 - the point of the test
    assert read_limits("").freeze.in_force(None) is None


@pytest.mark.parametrize(
    ("started", "file", "readable"),
    [
        (("a",), 'managed_namespaces = ["b"]', ("a",)),
        ((), 'managed_namespaces = ["b"]', ("b",)),
        ((), "managed_namespaces = []", ()),
        ((), "", ()),
    ],
)
def test_reads_follow_the_process_or_else_the_file(
    started: tuple[str, ...], file: str, readable: tuple[str, ...]
) -> None:
    assert read_limits(file).readable(started) == readable


@pytest.mark.parametrize("path", ["/*", "/hotels", "/api/v1/*", "/-/x", "/a.b/c~d:e_f"])
def test_a_path_of_the_operator_s_is_one_that_a_url_can_have(path: str) -> None:
    assert read_limits(f"[reads]\npaths = ['{path}']").reads.paths == (path,)


@pytest.mark.parametrize(
    "path", ["", "a", "/a?b=c", "/a*", "/*/b", "/a/../b", "//a", "/a/", "/a%20"]
)
def test_a_path_that_no_url_can_have_is_refused(path: str) -> None:
    with pytest.raises(LimitsInvalid, match=r"^reads\.paths\.0: "):
        read_limits(f"[reads]\npaths = ['{path}']")


def test_a_fault_names_the_key_and_what_to_write() -> None:
    with pytest.raises(LimitsInvalid, match=r"freeze\.windows\.0\.opens.*08:30"):
        read_limits("[[freeze.windows]]\nname='w'\ndays=['sun']\nopens=20")
    with pytest.raises(LimitsInvalid, match=r"Europe/Zurich, got 'Mars'"):
        read_limits("[freeze]\ntime_zone = 'Mars'")
    with pytest.raises(LimitsInvalid, match="each window's name once"):
        read_limits(WEEKEND.replace("lunch", "weekend"))


def test_a_switch_holds_where_no_window_does() -> None:
    limits = read_limits('[freeze]\nnow = true\nrule = "deny"' + NIGHTS.replace("[freeze]", ""))
    noon = datetime.fromisoformat("2026-03-06T12:00:00+00:00")
    assert limits.freeze.in_force(noon) is FreezeRule.DENY
