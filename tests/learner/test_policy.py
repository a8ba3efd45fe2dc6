"""The policy on a real Ray: an update at the rollouts' temperature, exported and gone on from.

The probe after each update compares what the runners compute with what was trained.
"""

from pathlib import Path

import pytest

from agents.contracts.incident import Task
from deploy.embedded.shipped import MODELS
from learner.incidents import Drawn
from learner.models import reference_of
from learner.policy import RayPolicy
from learner.rollout.collect import Job
from learner.settings import LearnerSettings

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("joined_ray"),
    pytest.mark.timeout(300),
]
LEARNED_FROM = Drawn(seed=1, family="scaled_to_zero", task=Task.LOCALIZATION)


def test_an_update_reaches_the_runners_and_the_export_goes_on(tmp_path: Path) -> None:
    early = reference_of(MODELS / "observer-6m-early")
    settings = LearnerSettings(
        groups=2, group_size=4, max_samples=12, learners=0, threads=1, temperature=0.6
    )
    policy = RayPolicy(settings, tmp_path / "rllib")
    try:
        policy.start(early, None)
        told = policy.update([LEARNED_FROM], first=1 << 40)
        assert (told.episodes, told.groups) == (8, 2)
        assert told.informative and 0 < told.sequences <= 12
        assert set(told.rewards) >= {"outcome", "format", "safety"}
        candidate = policy.export(tmp_path / "candidate")
        assert candidate.digest != early.digest
        job = Job(drawn=LEARNED_FROM, seed=3)
        mine, its = policy.solve([job]), policy.solve([job], candidate)
        assert [one.completion_ids for one in mine[0].samples] == [
            one.completion_ids for one in its[0].samples
        ]

        policy.start(early, tmp_path / "candidate")
        again = policy.solve([job])
        assert again[0].samples[0].logprobs == pytest.approx(its[0].samples[0].logprobs, abs=1e-4)
        assert policy.update([LEARNED_FROM], first=1 << 41).number >= 1
    finally:
        policy.stop()
