"""Advantages: told within groups, zero where nothing can be learned."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learner.grpo.advantages import (
    AdvantageConfig,
    credited,
    group_advantages,
    informative_groups,
)
from learner.samples import Episode, Sample

GROUP = AdvantageConfig()


def episode(group: str, *, success: bool, reward: float, samples: list[Sample]) -> Episode:
    return SimpleNamespace(group=group, success=success, reward=reward, samples=samples)  # type: ignore[return-value]


@given(st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=9).filter(lambda x: len({*x}) > 1))
def test_advantages_are_those_of_trl(rewards: list[float]) -> None:
    told = torch.tensor(rewards, dtype=torch.float64)
    expected = (told - told.mean()) / (told.std() + 1e-4)
    found = group_advantages(rewards, ["g"] * len(rewards), GROUP)
    assert found == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-9)


def test_groups_do_not_see_each_other() -> None:
    rewards, groups = [0.0, 10.0, 1.0, 11.0], ["a", "b", "a", "b"]
    plain = AdvantageConfig(scale="none")
    assert group_advantages(rewards, groups, plain) == [-0.5, -0.5, 0.5, 0.5]


@pytest.mark.parametrize("scale", ["group", "none"])
@pytest.mark.parametrize("rewards", [[0.3], [0.1] * 7])
def test_what_has_no_contrast_has_no_advantage(scale: str, rewards: list[float]) -> None:
    told = AdvantageConfig.model_validate({"scale": scale})
    assert group_advantages(rewards, ["g"] * len(rewards), told) == [0.0] * len(rewards)


def test_a_reward_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite reward"):
        group_advantages([0.0, float("nan")], ["g", "g"], GROUP)


def test_groups_that_always_or_never_succeed_do_not_inform() -> None:
    successes = [False] * 10 + [True] * 10 + [True] + [False] * 9
    groups = ["never"] * 10 + ["always"] * 10 + ["once"] * 10
    assert informative_groups(successes, groups, GROUP) == {"once"}
    wide = AdvantageConfig(low=0.0, high=1.0)
    assert informative_groups(successes, groups, wide) == {"never", "always", "once"}


def test_uninformative_groups_are_dropped_and_every_decision_is_credited(
    drawn_samples: Callable[..., list[Sample]],
) -> None:
    samples = drawn_samples(6)
    episodes = [
        episode("mixed", success=True, reward=1.0, samples=samples[:2]),
        episode("lost", success=False, reward=0.0, samples=samples[2:3]),
        episode("mixed", success=False, reward=0.0, samples=samples[3:5]),
        episode("lost", success=False, reward=0.5, samples=samples[5:]),
    ]
    kept = credited(episodes, GROUP)
    assert [one.trajectory for one in kept] == ["t0", "t1", "t3", "t4"]
    assert [one.advantage > 0 for one in kept] == [True, True, False, False]
    every = credited(episodes, GROUP, drop=False)
    assert [one.trajectory for one in every] == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert every[2].advantage < 0 < every[5].advantage
