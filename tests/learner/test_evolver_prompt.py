"""The Evolver's prompt: within its budget, evidence in the envelope, no word of the judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.contracts.trajectory import TrajectoryRecord
from agents.observer.prompt import CLOSE, OPEN
from learner.evolver.diagnosis import diagnose
from learner.evolver.prompt import MAX_BLOCKS, PROMPT_CHARS, messages
from tests.doubles.trajectories import ACT, SUBMIT, any_failed, failed, step


def told(record: TrajectoryRecord, budget: int = PROMPT_CHARS) -> str:
    (message,) = messages(record, diagnose(record), budget=budget)
    return message.content


def test_the_prompt_is_as_trained() -> None:
    record = failed(
        (
            step(1, line="kubectl get pods", observation="a   1/1   Running"),
            step(2, ACT, "kubectl rollout undo deploy/a", refusal="policy: protected"),
            step(3, SUBMIT, summary="refused, policy: protected"),
        )
    )
    record = record.model_copy(
        update={
            "steps": (
                record.steps[0],
                record.steps[1].model_copy(update={"summary": "all 1 pods ready"}),
                record.steps[2],
            )
        }
    )
    assert told(record).split("\n") == [
        "EVOLVE mitigation/policy_denial: Repair the fault, check the repair, then submit.",
        "FAILED at step 2, ended answered",
        "ALERT <<<error ratio of frontend is 40%>>>",
        "probe 1 <<<kubectl get pods>>>",
        "<<<",
        "a   1/1   Running",
        ">>>",
        "NOTED <<<all 1 pods ready>>>",
        "action 2 <<<kubectl rollout undo deploy/a>>> refused <<<policy: protected>>>",
        "NOTED <<<refused, policy: protected>>>",
        "ANSWER <<<none>>>",
    ]


def test_the_same_look_again_is_counted() -> None:
    looks = [step(n, line="kubectl describe pod a", observation="none") for n in range(1, 8)]
    text = told(failed((*looks, step(8, SUBMIT))))
    assert text.count("kubectl describe pod a") == 1
    assert "probe 1 <<<kubectl describe pod a>>> x7" in text


def test_long_observations_share_the_room() -> None:
    looks = [step(n, observation=str(n) * 3000) for n in range(1, 5)]
    text = told(failed((*looks, step(5, SUBMIT))))
    assert PROMPT_CHARS - 200 < len(text) <= PROMPT_CHARS
    counts = [text.count(str(n)) for n in range(1, 5)]
    assert max(counts) - min(counts) < 20


def test_the_first_and_last_of_many_steps_are_shown() -> None:
    looks = [step(n) for n in range(1, 40)]
    text = told(failed((*looks, step(40, SUBMIT))), budget=100_000)
    assert text.count("\nprobe ") == MAX_BLOCKS
    assert "svc-1>" in text and "svc-39>" in text


@given(any_failed(), st.integers(900, 4000))
def test_the_budget_and_the_envelope_hold(record: TrajectoryRecord, budget: int) -> None:
    text = told(record, budget)
    assert len(text) <= budget
    assert text.count(OPEN) == text.count(CLOSE)
    outside, open_now = [], False
    for line in text.split("\n"):
        if line == OPEN:
            open_now = True
        elif line == CLOSE:
            open_now = False
        elif not open_now:
            outside.append(line.split(" ")[0])
    assert set(outside) <= {"EVOLVE", "FAILED", "ALERT", "probe", "action", "NOTED", "ANSWER"}


@given(any_failed())
def test_the_judges_words_are_not_in_the_prompt(record: TrajectoryRecord) -> None:
    other = record.model_copy(update={"reason": "SAID BY THE JUDGE", "judge": "THE JUDGE"})
    assert told(other) == told(record)


@pytest.mark.parametrize("task", list(Task))
def test_a_general_model_is_told_the_rules(task: Task) -> None:
    record = failed((step(1), step(2, SUBMIT)), task=task)
    system, user = messages(record, diagnose(record), rendering="full")
    assert system.role == "system" and "problem_id" in system.content
    assert user.content == told(record)
