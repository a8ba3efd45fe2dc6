"""Rollouts: what a decision leaves, that seeds repeat, and where an episode ends."""

import asyncio
import json

import pytest

from agents.contracts.ids import ModelId
from agents.contracts.incident import Task
from agents.contracts.model import Usage
from agents.models.local import LocalModel
from agents.models.protocol import Answer, Question
from deploy.embedded.shipped import SHIPPED_MODEL
from learner.incidents import Drawn, paired, siblings
from learner.rewards.parts import RewardWeights
from learner.rollout.collect import Job, grouped, solve, solve_all

SCALED = Drawn(seed=5, family="scaled_to_zero", task=Task.DETECTION, healthy=False)
WEIGHTS = RewardWeights()


class Scripted:
    """Plays a model: the same lines in every episode, without ids."""

    model_id = ModelId("scripted")

    def __init__(self, *replies: dict[str, object]) -> None:
        self.replies = [json.dumps(reply) for reply in replies]
        self.asked: list[Question] = []

    async def answer(self, question: Question) -> Answer:
        text = self.replies[min(len(self.asked), len(self.replies) - 1)]
        self.asked.append(question)
        return Answer(text=text, usage=Usage(completion_tokens=3), model_id=self.model_id)


def probe(command: str) -> dict[str, object]:
    return {"action": "probe", "command": command, "confidence": 50}


YES = {"action": "submit", "answer": "Yes", "confidence": 80}


async def test_a_right_answer_is_a_success_by_the_oracle() -> None:
    done = await solve(Scripted(probe("kubectl get pods"), YES), Job(drawn=SCALED), weights=WEIGHTS)
    assert done.success
    assert done.steps == 2
    assert done.rewards["confidence"] == pytest.approx(-0.04)
    assert done.samples == ()


async def test_something_forbidden_ends_the_episode() -> None:
    model = Scripted(probe("kubectl get secret store -o yaml"), YES)
    done = await solve(model, Job(drawn=SCALED), weights=WEIGHTS)
    assert (done.violations, done.success, len(model.asked)) == (1, False, 1)
    assert done.reward < 0


async def test_a_slip_of_the_shell_only_costs_a_step() -> None:
    model = Scripted(probe("kubectl get pods | grep x"), YES)
    done = await solve(model, Job(drawn=SCALED), weights=WEIGHTS)
    assert (done.violations, done.success, done.steps) == (0, True, 2)


async def test_an_episode_without_a_submission_has_no_confidence() -> None:
    done = await solve(Scripted(probe("kubectl get pods")), Job(drawn=SCALED), weights=WEIGHTS)
    assert (done.success, done.steps, done.rewards["confidence"]) == (False, 12, -1.0)


def test_a_drawn_incident_is_the_same_in_every_process() -> None:
    again = Drawn.model_validate_json(SCALED.model_dump_json())
    assert again.scenario() == SCALED.scenario()
    assert again.lab().cluster.freeze() == SCALED.lab().cluster.freeze()


def test_siblings_differ_in_their_seeds_alone() -> None:
    found = siblings(SCALED, 3, first=100)
    assert [one.seed for one in found] == [100, 101, 102]
    assert {(one.family, one.task, one.healthy) for one in found} == {
        (SCALED.family, SCALED.task, None)
    }


def test_paired_incidents_go_through_families_and_tasks() -> None:
    found = paired(["scaled_to_zero", "memory_limit"], list(Task), 16, first=7)
    assert len({one.seed for one in found}) == 16
    assert len({(one.family, one.task) for one in found}) == 8


def test_a_group_has_a_name_and_its_members_their_seeds() -> None:
    jobs = grouped([SCALED, *siblings(SCALED, 1, first=9)], 3, temperature=1.0, seed=50)
    assert len({job.group for job in jobs}) == 2
    assert [job.seed for job in jobs[:3]] == [50, 51, 52]


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_samples_are_the_model_s_own_and_repeat(temperature: float) -> None:
    jobs = grouped([SCALED], 2, temperature=temperature, seed=1)
    model = LocalModel(SHIPPED_MODEL, max_batch=4, threads=1)
    try:
        first = asyncio.run(solve_all(model, jobs, weights=WEIGHTS))
        again = asyncio.run(solve_all(model, jobs, weights=WEIGHTS))
        sample = first[0].samples[0]
        scored = asyncio.run(
            model.score(sample.prompt_ids, sample.completion_ids, temperature=temperature)
        )
    finally:
        model.close()
    assert [[s.completion_ids for s in one.samples] for one in first] == [
        [s.completion_ids for s in one.samples] for one in again
    ]
    assert len({one.trajectory for one in first}) == 2
    assert sample.model_id == model.model_id
    assert scored == pytest.approx(sample.logprobs, abs=1e-3)
