"""The lessons' loop against the Observer's own: the same prompts, byte for byte."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from agents.contracts.approval import ApprovalRequested, DecisionVerdict
from agents.contracts.incident import Task
from agents.contracts.model import Message, ModelRequested
from agents.environments.simulated.handles import SimulatedPreview, SimulatedRead, SimulatedWrite
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.memory import Memory
from agents.observer.prompt import Situation
from agents.observer.reply import reply_text
from agents.settings import CompressorSettings, GateSettings, ObserverSettings
from learner.pretrain.demonstrations import UNASKED
from learner.pretrain.expert import Expert
from learner.pretrain.guides import ORDERS
from learner.rollout import episode as loop
from tests.builders import alert, event, grouped
from tests.doubles.pipeline import GATE_SETTINGS, Pipeline

REFUSAL = "refused by alice"


class Handles(SimulatedRead, SimulatedPreview, SimulatedWrite):
    """All three handles over one lab: the pipeline's double wants one object."""


def lesson(seed: int, *, veto: bool, garbled: bool) -> tuple[list[tuple[Message, ...]], list[str]]:
    """Return the prompts and replies of one run of the lessons' loop."""
    lab = Lab(generate(seed, task=Task.MITIGATION))
    expert = Expert(task=Task.MITIGATION, rng=Random(seed), order=ORDERS[0][1])
    refusals = iter([REFUSAL] if veto else [])

    def person(line: str) -> str | None:
        return None if line.startswith(UNASKED) else next(refusals, None)

    run = loop.episode(lab, loop.incident_of(lab, Task.MITIGATION), veto=person)
    situation = next(run)
    prompts, texts = [loop.prompt(situation)], []
    if garbled:
        for text in ("not json", '{"action": "dance"}'):
            texts.append(text)
            situation = run.send(text)
            prompts.append(loop.prompt(situation))
    while True:
        texts.append(reply_text(expert.advise(situation).reply))
        try:
            situation = run.send(texts[-1])
        except StopIteration:
            return prompts, texts
        prompts.append(loop.prompt(situation))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("veto", "garbled"), [(False, False), (True, False), (False, True)])
def test_prompts_are_the_observers(seed: int, veto: bool, garbled: bool) -> None:  # noqa: FBT001 - cases of a table
    prompts, texts = lesson(seed, veto=veto, garbled=garbled)
    lab = Lab(generate(seed, task=Task.MITIGATION))
    told: Iterator[str] = iter(texts)
    asked: list[tuple[Message, ...]] = []
    verdicts = iter([DecisionVerdict.REFUSE] if veto else [])

    def script(question: ModelRequested) -> str:
        asked.append(question.messages)
        return next(told)

    def decide(_: ApprovalRequested) -> DecisionVerdict:
        return next(verdicts, DecisionVerdict.APPROVE)

    incident = loop.incident_of(lab, Task.MITIGATION)
    pipeline = Pipeline(
        script=script,
        decide=decide,
        cluster=Handles(lab),  # type: ignore[arg-type]  # the same handles
        settings=GateSettings(managed_namespaces=(lab.namespace,), cluster=GATE_SETTINGS.cluster),
    )
    raised = alert(task=Task.MITIGATION).model_copy(
        update={
            "labels": incident.alerts[0].labels,
            "annotations": incident.alerts[0].annotations,
        }
    )
    asyncio.run(pipeline.driver.run([event(grouped(raised))]))
    assert asked == prompts


def test_budgets_are_the_settings_defaults() -> None:
    observer = ObserverSettings()
    assert observer.max_steps == loop.MAX_STEPS
    assert observer.max_summaries == loop.MAX_SUMMARIES
    assert observer.prompt_chars == loop.PROMPT_CHARS
    assert observer.reply_tokens == loop.REPLY_TOKENS
    assert observer.rendering == "compact"
    assert CompressorSettings().budget_chars == loop.OBSERVATION_CHARS


def test_a_run_without_an_answer_ends_with_its_steps() -> None:
    lab = Lab(generate(1, task=Task.DETECTION))
    run = loop.episode(lab, loop.incident_of(lab, Task.DETECTION))
    situation: Situation = next(run)
    assert situation.memory == Memory()
    for _ in range(loop.MAX_STEPS - 1):
        run.send('{"action": "probe", "command": "kubectl get pods"}')
    with pytest.raises(StopIteration) as ended:
        run.send('{"action": "probe", "command": "kubectl get pods"}')
    assert ended.value.value.steps == loop.MAX_STEPS
    assert ended.value.value.submission.answer is None
