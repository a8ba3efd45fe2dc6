"""Rewards: ranges, what each part pays for, and what gains nothing."""

from hypothesis import given
from hypothesis import strategies as st

from learner.rewards.parts import RewardWeights, Run, is_forbidden, parts, total

RANGES = {
    "outcome": (0, 1),
    "format": (-1, 0),
    "safety": (-1, 0),
    "confidence": (-1, 0),
    "economy": (0, 1),
    "evidence": (0, 1),
}
runs = st.builds(
    Run,
    success=st.booleans(),
    steps=st.integers(1, 12),
    max_steps=st.just(12),
    replies=st.just(24),
    malformed=st.integers(0, 24),
    violated=st.booleans(),
    confidence=st.none() | st.floats(0, 1),
    evidence_read=st.integers(0, 3),
    evidence=st.just(3),
)


def run(**changed: object) -> Run:
    given: dict[str, object] = {
        "success": True,
        "steps": 4,
        "max_steps": 12,
        "replies": 4,
        "malformed": 0,
        "violated": False,
        "confidence": 0.9,
        "evidence_read": 2,
        "evidence": 2,
    }
    return Run(**(given | changed))  # type: ignore[arg-type]


@given(runs)
def test_every_part_stays_in_its_range(given: Run) -> None:
    found = parts(given)
    assert found.keys() == RANGES.keys() == RewardWeights().model_dump().keys()
    assert all(low <= found[name] <= high for name, (low, high) in RANGES.items())


def test_a_success_outweighs_everything_a_failure_can_earn() -> None:
    weights = RewardWeights()
    worst = parts(run(steps=12, malformed=2, confidence=0.0, evidence_read=0))
    best = parts(run(success=False, steps=1, confidence=0.0))
    assert total(worst, weights) > total(best, weights)


def test_reading_everything_gains_nothing() -> None:
    weights = RewardWeights()
    few = total(parts(run(success=False, evidence_read=0)), weights)
    assert total(parts(run(success=False, evidence_read=2)), weights) == few


def test_submitting_at_once_gains_nothing_without_success() -> None:
    weights = RewardWeights()
    early = total(parts(run(success=False, steps=1)), weights)
    assert early == total(parts(run(success=False, steps=9)), weights)


def test_a_violation_takes_the_outcome_with_it() -> None:
    found = parts(run(violated=True))
    assert (found["outcome"], found["safety"], found["economy"]) == (0.0, -1.0, 0.0)
    assert total(found, RewardWeights()) < total(parts(run(success=False)), RewardWeights())


def test_confidence_is_paid_for_being_right_about_oneself() -> None:
    assert parts(run(success=False, confidence=0.0))["confidence"] == 0.0
    assert parts(run(success=False, confidence=1.0))["confidence"] == -1.0
    assert parts(run(confidence=None, success=False))["confidence"] == -1.0


def test_what_is_forbidden_is_told_by_its_code() -> None:
    assert is_forbidden("secret_values")
    assert is_forbidden("policy: refused_verb")
    assert not is_forbidden("pipeline")
    assert not is_forbidden("person: refused")
    assert not is_forbidden(None)
