"""Attack table, row Canary: what a good engineer types must not be refused."""

import pytest

from tests.safety.canary import ASKED, CANARIES, DOCUMENTS, READS, UNASKED
from tests.safety.judge import ALLOW, ASK, ruled


@pytest.mark.parametrize("line", READS)
def test_an_ordinary_read_is_allowed(line: str) -> None:
    assert ruled(line) == (ALLOW, "read")


@pytest.mark.parametrize("line", ASKED + DOCUMENTS)
def test_an_ordinary_act_reaches_an_approver(line: str) -> None:
    assert ruled(line)[0] is ASK


@pytest.mark.parametrize("line", UNASKED)
def test_a_restart_or_rollback_needs_nobody(line: str) -> None:
    assert ruled(line) == (ALLOW, "restart_or_rollback")


def test_there_are_enough_canaries() -> None:
    assert len(set(CANARIES)) == len(CANARIES) >= 200
