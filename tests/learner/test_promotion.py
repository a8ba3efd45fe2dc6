"""Promotion: only what was judged better; watched without false alarms; taken back when worse."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.contracts.ids import IncidentId, ModelId
from agents.contracts.incident import Task
from agents.contracts.model import ModelRole
from agents.contracts.trajectory import Outcome, OutcomeSource, TrajectoryClosed
from learner.evaluation.judgement import Both, Judgement, Side
from learner.evaluation.paired import Gates, Verdict
from learner.models import ModelRef
from learner.promotion import (
    Tolerance,
    Watched,
    as_event,
    evidence_of_less,
    promoted,
    rolled_back,
    watch,
)
from streams.codec import Received, Source, decode, encode
from streams.topics import MODELS

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def model(name: str) -> ModelRef:
    return ModelRef(model_id=name, location=f"/{name}", digest=f"sha256:{name[0] * 64}")


NEW, OLD = model("b"), model("a")


def judgement(verdict: Verdict = Verdict.BETTER, **more: Any) -> Judgement:
    both = Both(
        candidate=Side(episodes=20, successes=18, tokens=4000),
        current=Side(episodes=20, successes=8, violations=1, tokens=2000),
    )
    fields = {
        "candidate": NEW,
        "current": OLD,
        "gates": Gates(),
        "verdict": verdict,
        "wins": 10,
        "losses": 0,
        "ties": 10,
        "gain": 0.5,
        "interval": (0.05, 0.81),
        "evidence": 4.4,
        "counter": -3.0,
        "whole": both,
        "tasks": {"mitigation": both},
    }
    return Judgement.model_validate(fields | more)


def test_a_better_candidate_is_promoted_with_what_was_measured() -> None:
    fact = promoted(judgement(), NEW)
    assert fact is not None
    assert (fact.model_id, fact.location, fact.digest) == ("b", "/b", NEW.digest)
    assert (fact.role, fact.verdict) == (ModelRole.OBSERVER, "better")
    told = fact.evaluation
    assert (told["pairs"], told["success"], told["success.before"]) == (20, 0.9, 0.4)
    assert (told["gain.low"], told["tokens"], told["success.mitigation"]) == (0.05, 200, 0.9)


@pytest.mark.parametrize(
    "found",
    [
        judgement(Verdict.NOT_BETTER),
        judgement(Verdict.INSUFFICIENT_EVIDENCE),
        judgement(refusals=("violations: ...",)),
    ],
)
def test_nothing_else_is_promoted_or_taken_back(found: Judgement) -> None:
    assert promoted(found, NEW) is None
    assert rolled_back(found, NEW) is None


def test_a_judgement_of_other_weights_does_not_count() -> None:
    changed = NEW.model_copy(update={"digest": OLD.digest})
    for decide in (promoted, rolled_back):
        with pytest.raises(ValueError, match="expected a judgement of b"):
            decide(judgement(), changed)


def test_the_previous_comes_back_with_the_reason() -> None:
    fact = rolled_back(judgement(), NEW)
    assert fact is not None
    assert (fact.model_id, fact.withdrawn, fact.location) == ("b", "a", "/b")
    assert fact.reason == "on 20 fresh incidents b solved 18 and a 8: +50% [+5%, +81%]"


def test_the_event_is_repeatable_fits_its_topic_and_differs_by_turn() -> None:
    fact = promoted(judgement(), NEW)
    assert fact is not None
    event = as_event(fact, turn=3, time=NOW)
    assert as_event(fact, turn=3, time=NOW) == event
    assert as_event(fact, turn=4, time=NOW).id != event.id
    received = Received(source=Source(MODELS.name, 0), offset=0, record=encode(event))
    assert decode(received, MODELS.facts) == event
    assert event.key == "observer"


def closed(
    number: int, outcome: Outcome, *, by: str | None = "b", revision: int = 0
) -> TrajectoryClosed:
    return TrajectoryClosed(
        incident_id=IncidentId(str(number)),
        revision=revision,
        task=Task.MITIGATION,
        title="t",
        namespace="n",
        steps=(),
        submission=None,
        model_id=None if by is None else ModelId(by),
        guidance_ids=(),
        outcome=outcome,
        source=OutcomeSource.JUDGE,
        reason="",
        trainable=True,
        opened_at=NOW,
        closed_at=NOW,
    )


def test_only_judged_incidents_of_the_model_count_and_each_by_its_last_word() -> None:
    seen = watch(judgement()).seen(
        [
            closed(1, Outcome.SUCCESS),
            closed(2, Outcome.UNKNOWN),
            closed(3, Outcome.FAILURE, by="a"),
            closed(4, Outcome.FAILURE, by=None),
            closed(1, Outcome.SUCCESS),
            closed(5, Outcome.UNKNOWN),
        ]
    )
    assert (seen.promised, seen.successes, seen.failures) == (0.9, 1, 0)
    amended = seen.seen(
        [
            closed(5, Outcome.FAILURE, revision=1),
            closed(1, Outcome.FAILURE, revision=1),
            closed(1, Outcome.SUCCESS),
        ]
    )
    assert (amended.successes, amended.failures) == (0, 2)
    assert Watched.model_validate_json(amended.model_dump_json()) == amended


def watched(successes: int, failures: int, promised: float) -> Watched:
    outcomes = [Outcome.SUCCESS] * successes + [Outcome.FAILURE] * failures
    records = [closed(number, outcome) for number, outcome in enumerate(outcomes)]
    return Watched(model=NEW, previous=OLD, promised=promised).seen(records)


@pytest.mark.parametrize(
    ("successes", "failures", "promised", "due"),
    [
        (0, 0, 0.9, False),
        (0, 2, 0.9, False),
        (1, 6, 0.9, True),
        (80, 20, 0.9, False),
        (30, 30, 0.9, True),
        (0, 50, 0.1, False),  # nothing was promised
        (9, 1, 1.0, False),
    ],
)
def test_when_a_judgement_is_due(
    *, successes: int, failures: int, promised: float, due: bool
) -> None:
    assert watched(successes, failures, promised).due(Tolerance()) is due


def test_a_promise_without_a_drop_survives_a_failure() -> None:
    assert not watched(40, 1, 1.0).due(Tolerance(drop=0.0))


def test_a_model_that_keeps_its_promise_is_rarely_called_for_however_often_one_asks() -> None:
    rng, called = random.Random(11), 0
    for _ in range(1000):
        successes = failures = 0
        for _ in range(150):
            solved = rng.random() < 0.8
            successes, failures = successes + solved, failures + (not solved)
            if evidence_of_less(successes, failures, 0.8) >= 2.9957:
                called += 1
                break
    assert called / 1000 <= 0.05
