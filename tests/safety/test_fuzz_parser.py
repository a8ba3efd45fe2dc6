"""The random engine of the fuzzer: a finding is told as one, a run that was stopped is none."""

import pytest

from tests.safety import fuzz_parser
from tests.safety.fuzz_parser import run_random
from tests.safety.oracle import check


class Check:
    """An oracle that raises at its third input."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.lines = error, list[str]()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if len(self.lines) == 3:
            raise self.error


def test_a_run_that_is_stopped_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_random(60, Check(KeyboardInterrupt()), 1)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped after 2 inputs, no finding\n"


class Panic(BaseException):
    """What a Rust extension raises: no Exception."""


@pytest.mark.parametrize("error", [AssertionError("read in two ways"), Panic()])
def test_a_finding_is_told_with_its_input(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    oracle = Check(error)
    with pytest.raises(type(error)):
        run_random(60, oracle, 1)
    assert capsys.readouterr().err == f"breaks the oracle: {oracle.lines[-1]!r}\n"


def test_the_random_engine_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzz_parser, "SECONDS_BETWEEN_LINES", 0.0)
    with pytest.raises(SystemExit):
        run_random(60, Check(KeyboardInterrupt()), 1)
    assert "2 inputs in 0 of 60 s\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "inner",
    [
        "wget -qO- http://geo",
        "curl -sS http://geo -w '%{http_code}'",
        r"curl -sS -w '%{http_code}\n'x http://geo",
        "curl -sS -o /dev/null -w '%{http_code}' http://geo",
    ],
)
def test_the_oracle_knows_what_is_added_to_what_was_said(inner: str) -> None:
    command = check(f"kubectl exec p -- {inner}")
    assert command is not None and command.inner[0] == inner.split(maxsplit=1)[0]
