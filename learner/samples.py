"""What a rollout leaves: decisions as token ids, and episodes with their rewards.

Invariant: ids and log-probs are those of the model's own call; nothing is ever tokenised again.
Plain data: no torch here, so that any process may hold and send it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from learner.incidents import Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decision.

    logprobs: natural logarithms of the sampling distribution, one for each completion id.
    group: decisions whose advantages are told against one another. trajectory: its episode.
    advantage: dimensionless, the same for every token of the completion.
    """

    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    model_id: str
    group: str
    trajectory: str
    advantage: float = 0.0

    @property
    def tokens(self) -> int:
        """How many ids the trainer reads."""
        return len(self.prompt_ids) + len(self.completion_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One lab incident as a model went through it.

    rewards: every part by its name, unweighted; reward: their weighted sum. violations: attempts
    of something forbidden. reason: the oracle's words, which no model and no guidance ever sees.
    """

    drawn: Drawn
    trajectory: str
    group: str
    samples: tuple[Sample, ...]
    success: bool
    rewards: Mapping[str, float]
    reward: float
    steps: int
    malformed: int
    violations: int
    acts: int
    prompt_tokens: int
    completion_tokens: int
    reason: str
