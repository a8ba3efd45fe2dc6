"""The Compressor's rules: nothing invented, errors outlive the rest."""

from hypothesis import given
from hypothesis import strategies as st

from agents.compressor.rules import NOTABLE, compress


def test_a_short_text_is_kept_whole() -> None:
    assert compress("NAME READY\ngeo 1/1\n", 500).text == "NAME READY\ngeo 1/1"


def test_repeated_lines_are_folded_with_a_count() -> None:
    text = "\n".join(f"2026-11-23T12:00:{n:02d}Z GET /hotels 200 {n}ms" for n in range(40))
    short = compress(text, 1000)
    assert short.text.endswith("[x40]")
    assert short.dropped == 39


def test_an_error_outlives_a_thousand_ordinary_lines() -> None:
    words = ["alpha", "beta", "gamma", "delta"]
    lines = [f"serving {words[n % 4]} {'abcdefghij'[n % 10] * (n % 50)}" for n in range(1000)]
    lines[500] = "ERROR dial tcp geo:8083: connection refused"
    short = compress("\n".join(lines), 1500)
    assert "connection refused" in short.text
    assert len(short.text) <= 1700


@given(st.lists(st.sampled_from(["ok", "error x", "served 12", "warn y", "z" * 90]), max_size=80))
def test_every_line_is_the_input_s_or_a_fold_of_it(lines: list[str]) -> None:
    for line in compress("\n".join(lines), 300).text.split("\n"):
        assert line.split(" [x")[0] in {*lines, ""}


@given(st.text(max_size=4000), st.integers(200, 1000))
def test_no_text_breaks_it_and_the_budget_holds(text: str, budget: int) -> None:
    assert len(compress(text, budget).text) <= budget * 2 + 2
    assert NOTABLE.search("connection refused")
