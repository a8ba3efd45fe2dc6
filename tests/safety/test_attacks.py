"""Every line of the attack table is denied for its reason, at its place, with a way out."""

import pytest

from agents.policy.flags import NEVER
from agents.policy.refusal import Place
from tests.safety.attacks import ROWS
from tests.safety.attacks_flags import LETTERS, SWITCHES, VALUED, lines
from tests.safety.canary import CANARIES
from tests.safety.judge import DENY, refusal, ruled

SHOWN = 60


@pytest.mark.parametrize(("reason", "line", "place"), ROWS, ids=lambda value: repr(value)[:SHOWN])
def test_an_attack_is_denied_for_its_reason_and_at_its_place(
    reason: str, line: str, place: Place | None
) -> None:
    assert ruled(line) == (DENY, reason)
    refused = refusal(line)
    if refused is None:  # policy denies the whole act
        assert place is None
        return
    assert refused.code == reason
    assert refused.place is not None
    assert 0 <= refused.place.start <= refused.place.end <= len(line)
    assert refused.hint
    if place is not None:
        assert refused.place.start <= place.start < place.end <= refused.place.end
        assert refused.place != Place(0, len(line))


@pytest.mark.parametrize("name", [*VALUED, *SWITCHES, *LETTERS])
def test_a_flag_that_is_never_taken_is_refused_in_every_position_and_form(name: str) -> None:
    for line, place in lines(name):
        assert ruled(line)[0] is DENY, line
        refused = refusal(line)
        assert refused is not None
        assert refused.place is not None
        assert place is not None
        assert refused.code == "refused_flag", line
        assert refused.place.start <= place.start < refused.place.end, line
        assert name in line[refused.place.start : refused.place.end], line


def test_every_flag_that_is_never_taken_is_in_the_table() -> None:
    assert NEVER.keys() == VALUED.keys() | set(SWITCHES)


def test_there_are_enough_attacks_and_none_is_a_canary() -> None:
    attacks = [line for _, line, _ in ROWS]
    assert len(set(attacks)) == len(attacks) >= 700
    assert not set(attacks) & set(CANARIES)
    assert sum(len(lines(name)) for name in [*VALUED, *SWITCHES, *LETTERS]) >= 3_500
