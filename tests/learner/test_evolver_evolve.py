"""The Evolver as a whole: every record ends as one reason, and only proofs become guidance."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import pytest

from agents.contracts.incident import Task
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from agents.models.scripted import ScriptedModel
from learner.evolver.correction import Correction, parse_correction, render
from learner.evolver.diagnosis import Pattern, diagnose
from learner.evolver.evolve import Decision, Evolver, Reason
from learner.evolver.prove import ProofRules, Prover
from learner.evolver.repair import Malformed, Repaired, repair
from learner.incidents import Drawn
from learner.rollout.collect import Job
from tests.builders import INCIDENT, at
from tests.doubles.solvers import FakeSolver
from tests.doubles.trajectories import SUBMIT, failed, step

DRAWN = Drawn(seed=5, family="service_selector", task=Task.MITIGATION)
HELD_OUT = DRAWN.model_copy(update={"family": "liveness_probe", "split": "D"})
RECORD = failed((step(1), step(2), step(3, SUBMIT)))
UNDO = "kubectl rollout undo deploy/<service>"
SCALE = "kubectl scale deploy/<service> --replicas=<count>"


def correction(line: str) -> str:
    return (
        '{"problem_id": "mitigation/no_resolution", "task_description": "Repair.", '
        '"system_state_summary": {"root_cause_and_symptoms": "ferry-svc is broken", '
        '"affected_resources": "ferry-svc", "errors_and_logs": "", "cluster_status": ""}, '
        '"commands": [{"phase": "discovery", "command": "kubectl get pods"}, '
        f'{{"phase": "resolution", "command": "{line}"}}]}}'
    )


@dataclass(frozen=True, slots=True)
class Known:
    """A ground that knows one incident, or none."""

    drawn: Drawn | None

    def find(self, record: TrajectoryRecord) -> Drawn | None:
        return self.drawn


def evolver(
    *texts: str,
    drawn: Drawn | None = DRAWN,
    succeeds: Callable[[Job], bool] = lambda job: bool(job.guidance),
) -> Evolver:
    prover = Prover(
        solver=FakeSolver(succeeds), rules=ProofRules(siblings=2, neighbours=2), first_seed=1 << 52
    )
    return Evolver(
        model=ScriptedModel(cycle(texts)), ground=Known(drawn), prover=prover, candidates=2
    )


def test_what_is_proved_is_published() -> None:
    made = evolver(correction(UNDO), correction(SCALE), succeeds=lambda job: UNDO in job.guidance)
    evolved = made.evolve(RECORD, now=at(0))
    assert evolved.decision is Decision.CORRECTED and evolved.reason is Reason.PROVED
    assert evolved.pattern is Pattern.NO_RESOLUTION
    guidance = evolved.guidance
    assert guidance is not None
    assert guidance.steps == ("kubectl get pods", UNDO)
    assert guidance.proved and guidance.gain == 1.0
    assert guidance.signature == "mitigation/error-ratio"
    assert guidance.symptoms == ("error", "ratio")
    assert guidance.provenance == (INCIDENT,)
    assert (guidance.expires - at(0)).days == 30
    assert "ferry" not in guidance.model_dump_json()
    assert evolved.curriculum[0] == DRAWN and len(evolved.curriculum) == 5
    assert made.dropped_share == 0.0


def test_the_better_of_two_is_published() -> None:
    def solved(job: Job) -> bool:
        own = job.drawn.family == DRAWN.family
        if UNDO in job.guidance:
            return job.drawn == DRAWN or job.drawn.seed == 1 << 52
        return SCALE in job.guidance and own

    made = evolver(correction(UNDO), correction(SCALE), succeeds=solved)
    guidance = made.evolve(RECORD, now=at(0)).guidance
    assert guidance is not None and SCALE in guidance.steps and guidance.gain == 1.0


DROPS = (
    (Reason.NO_GROUND, [correction(UNDO)], None, lambda _: True, 0),
    (Reason.MALFORMED, ["{", "no"], DRAWN, lambda _: True, 5),
    (Reason.REFUSED_BY_ORACLE, [correction(UNDO)], DRAWN, lambda _: False, 5),
    (Reason.NO_GAIN, [correction(UNDO)], DRAWN, lambda _: True, 5),
    (
        Reason.HARMS_NEIGHBOURS,
        [correction(UNDO)],
        DRAWN,
        lambda job: bool(job.guidance) is (job.drawn.family == DRAWN.family),
        5,
    ),
)


@pytest.mark.parametrize(
    ("reason", "texts", "drawn", "succeeds", "curriculum"), DROPS, ids=[d[0] for d in DROPS]
)
def test_the_rest_is_dropped_with_its_reason(
    reason: Reason,
    texts: list[str],
    drawn: Drawn | None,
    succeeds: Callable[[Job], bool],
    curriculum: int,
) -> None:
    made = evolver(*texts, drawn=drawn, succeeds=succeeds)
    evolved = made.evolve(RECORD, now=at(0))
    assert evolved.decision is Decision.DROPPED and evolved.reason is reason
    assert evolved.guidance is None
    assert len(evolved.curriculum) == curriculum
    assert made.counts == {(Pattern.NO_RESOLUTION, reason): 1}
    assert made.dropped_share == 1.0


@pytest.mark.parametrize("symptoms", [(), ("error", "ferry-svc")])
def test_what_would_leak_costs_no_episode(symptoms: tuple[str, ...]) -> None:
    made = evolver(correction(UNDO))
    record = RECORD.model_copy(update={"symptoms": symptoms})
    assert made.evolve(record, now=at(0)).reason is Reason.LEAKS
    assert made.prover.episodes == 0


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.UNKNOWN])
def test_only_failures_are_evolved(outcome: Outcome) -> None:
    made = evolver(correction(UNDO))
    evolved = made.evolve(RECORD.model_copy(update={"outcome": outcome}), now=at(0))
    assert evolved.reason is Reason.NOT_FAILED and evolved.curriculum == ()
    assert made.dropped_share == 0.0


def test_training_admits_no_held_out_family() -> None:
    for succeeds in (lambda job: bool(job.guidance), lambda _: False):
        evolved = evolver(correction(UNDO), drawn=HELD_OUT, succeeds=succeeds).evolve(
            RECORD, now=at(0)
        )
        assert evolved.curriculum == ()


def test_a_failure_that_the_model_cannot_answer_is_dropped_and_still_trains() -> None:
    made = evolver(correction(UNDO))
    made.model = ScriptedModel([])
    evolved = made.evolve(RECORD, now=at(0))
    assert evolved.reason is Reason.UNANSWERED and len(evolved.curriculum) == 5


def test_a_success_becomes_variants() -> None:
    made = evolver(correction(UNDO))
    assert made.augment(RECORD) == ()
    success = RECORD.model_copy(update={"outcome": Outcome.SUCCESS})
    assert len(made.augment(success)) == 4
    assert evolver(correction(UNDO), drawn=None).augment(success) == ()


def repaired(model: ScriptedModel, count: int) -> list[Repaired | Malformed]:
    return asyncio.run(repair(model, RECORD, diagnose(RECORD), count=count, seed=1))


def test_repairs_are_greedy_first_and_each_once() -> None:
    texts = [correction(UNDO), correction(UNDO), "{", correction(SCALE)]
    model = ScriptedModel(texts)
    made = repaired(model, 4)
    assert [type(one) for one in made] == [Repaired, Malformed, Repaired]
    assert [one.number for one in made] == [0, 2, 3]
    assert model.asked[0].temperature == 0.0
    assert all(question.temperature > 0 for question in model.asked[1:])
    assert len({question.seed for question in model.asked}) == 4
    again = ScriptedModel(texts)
    assert repaired(again, 4) == made and again.asked == model.asked


def test_a_malformed_text_tells_why() -> None:
    (made,) = repaired(ScriptedModel([correction("kubectl get secrets")]), 1)
    assert isinstance(made, Malformed) and "templated command" in made.reason


def test_a_correction_written_here_is_one() -> None:
    parsed = parse_correction(correction(UNDO), Task.MITIGATION)
    assert (
        isinstance(parsed, Correction) and parse_correction(render(parsed), parsed.task) == parsed
    )
