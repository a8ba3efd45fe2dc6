"""From rewards to advantages: every episode is told against the others of its group.

Invariant: a group that cannot teach (one episode, or equal rewards) gives exactly zero; the
decisions of an episode carry equal parts of its advantage.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:  # samples know the lab, which a training machine may lack
    from learner.samples import Episode, Sample


class AdvantageConfig(BaseModel):
    """How episodes are compared.

    scale: `group` divides by the group's deviation (GRPO), `none` does not (Dr. GRPO). share:
    `episode` deals an episode's advantage out to its decisions, so that a long failure does not
    outweigh a short success; `decision` gives all of it to each. low, high: a group informs when
    the share of its successes lies between them, both included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: Literal["group", "none"] = "group"
    share: Literal["episode", "decision"] = "episode"
    epsilon: float = Field(default=1e-4, gt=0, description="added to the deviation")
    low: float = Field(default=0.1, ge=0, le=1)
    high: float = Field(default=0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> "AdvantageConfig":
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got {self.low} > {self.high}")
        return self


def group_advantages(
    rewards: Sequence[float], groups: Sequence[str], config: AdvantageConfig
) -> list[float]:
    """Return each episode's advantage: `(r - mean) / (std + epsilon)` within its group.

    rewards, groups: one of each an episode, in any order. The deviation is the unbiased one, as
    in TRL. Raises ValueError for a reward that is not finite.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, (reward, group) in enumerate(zip(rewards, groups, strict=True)):
        if not math.isfinite(reward):
            raise ValueError(f"expected a finite reward, got {reward} in group {group!r}")
        members[group].append(number)
    found = [0.0] * len(rewards)
    for numbers in members.values():
        ours = [rewards[number] for number in numbers]
        if len(ours) < 2 or min(ours) == max(ours):  # noqa: PLR2004 - one has no other
            continue
        mean = fmean(ours)
        deviation = math.sqrt(sum((one - mean) ** 2 for one in ours) / (len(ours) - 1))
        scale = deviation + config.epsilon if config.scale == "group" else 1.0
        for number, reward in zip(numbers, ours, strict=True):
            found[number] = (reward - mean) / scale
    return found


def success_shares(successes: Sequence[bool], groups: Sequence[str]) -> Mapping[str, float]:
    """Return the share of successes of each group."""
    members: dict[str, list[bool]] = defaultdict(list)
    for success, group in zip(successes, groups, strict=True):
        members[group].append(success)
    return {group: fmean(ours) for group, ours in members.items()}


def informative_groups(
    successes: Sequence[bool], groups: Sequence[str], config: AdvantageConfig
) -> frozenset[str]:
    """Return the groups whose share of successes lies inside [low, high]."""
    shares = success_shares(successes, groups)
    return frozenset(group for group, share in shares.items() if config.low <= share <= config.high)


def credited(
    episodes: Sequence["Episode"], config: AdvantageConfig, *, drop: bool = True
) -> list["Sample"]:
    """Return the decisions of all episodes, each with its part of the advantage, in their order.

    drop: leave out groups that do not inform. The comparison is made before, over all episodes.
    """
    groups = [episode.group for episode in episodes]
    found = group_advantages([episode.reward for episode in episodes], groups, config)
    kept = informative_groups([episode.success for episode in episodes], groups, config)
    mean = fmean(len(episode.samples) for episode in episodes) if episodes else 0.0
    return [
        replace(sample, advantage=advantage * _part(len(episode.samples), mean, config))
        for episode, advantage in zip(episodes, found, strict=True)
        if not drop or episode.group in kept
        for sample in episode.samples
    ]


def _part(decisions: int, mean: float, config: AdvantageConfig) -> float:
    """Return what of an episode's advantage one decision gets; 1 where all are equally long."""
    return mean / decisions if config.share == "episode" else 1.0
