"""The sequential test: rarely wrong however often one looks, and quick where it is clear."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learner.evaluation.paired import (
    Gates,
    Tally,
    Verdict,
    decide,
    evidence_above,
    evidence_below,
    interval,
)

GATES = Gates()
RUNS = 2000
COUNTS = st.integers(0, 300)
TALLIES = st.builds(Tally, wins=COUNTS, losses=COUNTS, ties=COUNTS)


def run(rng: random.Random, win: float, loss: float, *, pairs: int, look: int) -> Verdict | None:
    """Look after every `look` pairs and stop at the first claim."""
    tally = Tally()
    for number in range(1, pairs + 1):
        drawn = rng.random()
        candidate = drawn < win
        tally = tally.with_pair(candidate=candidate, current=not candidate and drawn < win + loss)
        if number % look == 0 and (verdict := decide(tally, GATES)):
            return verdict
    return None


def claims(win: float, loss: float, verdict: Verdict, *, runs: int, pairs: int, look: int) -> float:
    rng = random.Random(20261127)
    found = [run(rng, win, loss, pairs=pairs, look=look) for _ in range(runs)]
    return found.count(verdict) / runs


@pytest.mark.parametrize(
    ("win", "loss", "look"), [(0.25, 0.25, 1), (0.05, 0.05, 5), (0.5, 0.5, 5), (0.2, 0.3, 5)]
)
def test_no_gain_is_called_better_in_at_most_alpha_of_runs(
    win: float, loss: float, look: int
) -> None:
    false = claims(win, loss, Verdict.BETTER, runs=RUNS, pairs=100, look=look)
    assert false <= GATES.alpha


@pytest.mark.parametrize(("win", "loss"), [(0.05, 0.0), (0.3, 0.25)])
def test_a_gain_of_delta_is_called_not_better_in_at_most_alpha_of_runs(
    win: float, loss: float
) -> None:
    assert claims(win, loss, Verdict.NOT_BETTER, runs=RUNS, pairs=100, look=5) <= GATES.alpha


@pytest.mark.parametrize(
    ("win", "loss", "pairs", "power"),
    [(0.6, 0.0, 20, 0.9), (0.5, 0.05, 40, 0.9), (0.3, 0.1, 200, 0.9)],
)
def test_a_clear_gain_is_found(win: float, loss: float, pairs: int, power: float) -> None:
    assert claims(win, loss, Verdict.BETTER, runs=300, pairs=pairs, look=5) >= power


@pytest.mark.parametrize(("win", "loss", "pairs"), [(0.0, 0.0, 150), (0.1, 0.4, 60)])
def test_what_gains_nothing_is_given_up(win: float, loss: float, pairs: int) -> None:
    assert claims(win, loss, Verdict.NOT_BETTER, runs=300, pairs=pairs, look=10) >= 0.9


@pytest.mark.parametrize(
    ("tally", "verdict"),
    [
        (Tally(wins=7, ties=13), None),
        (Tally(wins=8, ties=12), Verdict.BETTER),
        (Tally(wins=8), None),  # too few pairs
        (Tally(wins=10), Verdict.BETTER),
        (Tally(wins=10, losses=1, ties=9), Verdict.BETTER),
        (Tally(losses=10), Verdict.NOT_BETTER),
        (Tally(), None),
    ],
)
def test_examples(tally: Tally, verdict: Verdict | None) -> None:
    assert decide(tally, GATES) == verdict


@given(TALLIES, st.floats(-0.9, 0.9))
def test_swapping_the_models_swaps_the_evidence(tally: Tally, mean: float) -> None:
    assert evidence_below(tally, mean) == evidence_above(tally.swapped, -mean)
    assert tally.swapped.swapped == tally
    low, high = interval(tally, 0.05)
    assert interval(tally.swapped, 0.05) == pytest.approx((-high, -low), abs=1e-9)


@given(TALLIES, st.floats(-0.9, 0.9), st.floats(0, 0.09))
def test_more_wins_never_speak_against_and_a_higher_mean_is_harder_to_exceed(
    tally: Tally, mean: float, more: float
) -> None:
    better = tally.with_pair(candidate=True, current=False)
    worse = tally.with_pair(candidate=False, current=True)
    here = evidence_above(tally, mean)
    assert evidence_above(better, mean) >= here >= evidence_above(worse, mean)
    assert evidence_above(tally, mean + more) <= here + 1e-9


@given(st.floats(0.01, 0.99), st.floats(-0.9, 0.9))
def test_the_wealth_is_a_fair_bet_at_the_mean(share: float, mean: float) -> None:
    """With d in {-1, 1} of that mean the wealth after a pair is 1 on average: a martingale."""
    win = (1 + mean) / 2
    start = Tally(wins=int(10 * share), losses=3, ties=2)
    before = math.exp(evidence_above(start, mean))
    after = win * math.exp(evidence_above(start.with_pair(candidate=True, current=False), mean)) + (
        1 - win
    ) * math.exp(evidence_above(start.with_pair(candidate=False, current=True), mean))
    assert after == pytest.approx(before, rel=1e-9)


@given(TALLIES)
def test_the_interval_holds_the_gain_and_agrees_with_the_evidence(tally: Tally) -> None:
    low, high = interval(tally, 0.05)
    assert low <= tally.gain <= high
    assert (low > 1e-9) == (evidence_above(tally, 1e-9) >= math.log(40))


def test_the_interval_holds_the_truth_at_every_look() -> None:
    rng, missed = random.Random(7), 0
    for _ in range(200):
        tally = Tally()
        for _ in range(8):
            for _ in range(10):
                drawn = rng.random()
                tally = tally.with_pair(candidate=drawn < 0.4, current=0.4 <= drawn < 0.6)
            low, high = interval(tally, 0.05)
            if not low <= 0.2 <= high:
                missed += 1
                break
    assert missed / 200 <= 0.05
