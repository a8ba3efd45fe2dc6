"""An episode's record against the closer's own trajectory of the same incident."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from agents.contracts.incident import Task
from agents.contracts.trajectory import TrajectoryRecord, TrajectoryStep
from agents.environments.simulated.handles import SimulatedPreview, SimulatedRead, SimulatedWrite
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.observer.prompt import Situation
from agents.settings import GateSettings
from learner.evolver.corruption import Clumsy, Flaw
from learner.evolver.pairs import expert_for, play
from learner.rollout.episode import incident_of
from tests.builders import alert, event, grouped
from tests.doubles.pipeline import GATE_SETTINGS, Pipeline


class Handles(SimulatedRead, SimulatedPreview, SimulatedWrite):
    """All three handles over one lab: the pipeline's double wants one object."""


def spoiled(scenario: Scenario, flaw: Flaw) -> tuple[TrajectoryRecord, list[str]]:
    names = tuple(one.name for one in scenario.application.components)
    clumsy = Clumsy(expert=expert_for(scenario), flaw=flaw, names=names, rng=Random(3))
    texts: list[str] = []

    def reply(situation: Situation) -> str:
        texts.append(clumsy.reply(situation))
        return texts[-1]

    return play(scenario, reply).record, texts


def served(scenario: Scenario, texts: Iterator[str]) -> TrajectoryRecord:
    lab = Lab(scenario)
    told = incident_of(lab, scenario.task).alerts[0]
    pipeline = Pipeline(
        script=lambda _: next(texts),
        cluster=Handles(lab),  # type: ignore[arg-type]  # the same handles
        settings=GateSettings(managed_namespaces=(lab.namespace,), cluster=GATE_SETTINGS.cluster),
    )
    raised = alert(task=scenario.task).model_copy(
        update={"labels": told.labels, "annotations": told.annotations}
    )
    (closed,) = asyncio.run(pipeline.driver.run([event(grouped(raised))]))
    return closed


def seen(step: TrajectoryStep) -> dict[str, object]:
    shown = {"iteration", "kind", "line", "summary", "confidence", "observation", "refusal"}
    return step.model_dump(include=shown | {"result", "rolled_back"})


@pytest.mark.parametrize("task", [Task.MITIGATION, Task.LOCALIZATION])
@pytest.mark.parametrize("flaw", list(Flaw))
def test_the_record_is_the_closers(flaw: Flaw, task: Task) -> None:
    scenario = generate(41, task=task)
    record, texts = spoiled(scenario, flaw)
    closed = served(scenario, iter(texts))
    assert [seen(step) for step in record.steps] == [seen(step) for step in closed.steps]
    for name in ("task", "title", "symptoms", "namespace", "guidance_ids"):
        assert getattr(record, name) == getattr(closed, name)
    assert record.submission is not None and closed.submission is not None
    assert record.submission.reason is closed.submission.reason
    assert record.submission.answer == closed.submission.answer
    assert record.symptoms == ("error", "ratio")
