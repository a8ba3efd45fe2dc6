"""Decides which model serves: promote what was judged better, watch it, take it back if it is not.

    judgement of a candidate ---promoted---> ModelPromoted ---watch---> Watched
    trajectories ---seen---> Watched ---due---> judgement of the previous ---rolled_back---> fact

Invariant: pure. Nothing is promoted or withdrawn without a paired judgement that says `better`;
live outcomes only say when to judge again, since live incidents are not paired.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from agents.contracts.envelope import Event
from agents.contracts.ids import IncidentId, ModelId, event_id
from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from learner.evaluation.judgement import Judgement, Side
from learner.evaluation.paired import BETS
from learner.models import ModelRef

SOURCE = "aoi/learner"
HIGHEST_SHARE = 0.99


def promoted(
    judgement: Judgement, candidate: ModelRef, role: ModelRole = ModelRole.OBSERVER
) -> ModelPromoted | None:
    """Return the promotion of a candidate that passed, or None.

    Raises ValueError when the judgement is of other weights.
    """
    _of(judgement, candidate)
    if not judgement.passed:
        return None
    return ModelPromoted(
        role=role,
        model_id=ModelId(candidate.model_id),
        location=candidate.location,
        digest=candidate.digest,
        evaluation=measured(judgement),
        verdict=str(judgement.verdict),
    )


def rolled_back(
    judgement: Judgement, previous: ModelRef, role: ModelRole = ModelRole.OBSERVER
) -> ModelRolledBack | None:
    """Return the return to the previous model, judged as the candidate against what serves.

    None unless it passed, by the same gates. Raises ValueError when the judgement is of others.
    """
    _of(judgement, previous)
    if not judgement.passed:
        return None
    low, high = judgement.interval
    return ModelRolledBack(
        role=role,
        model_id=ModelId(previous.model_id),
        location=previous.location,
        digest=previous.digest,
        withdrawn=ModelId(judgement.current.model_id),
        reason=(
            f"on {judgement.pairs} fresh incidents {previous.model_id} solved "
            f"{judgement.whole.candidate.successes} and {judgement.current.model_id} "
            f"{judgement.whole.current.successes}: {judgement.gain:+.0%} "
            f"[{low:+.0%}, {high:+.0%}]"
        ),
    )


def measured(judgement: Judgement) -> dict[str, float]:
    """Return the numbers of a judgement, flat. `before` is what served; shares lie in 0..1.

    evidence: e-value against "no gain", its natural logarithm. A task's shares stand under
    `success.<task>` and `success.<task>.before`.
    """
    one, other = judgement.whole.candidate, judgement.whole.current
    low, high = judgement.interval
    numbers = {
        "pairs": float(judgement.pairs),
        "wins": float(judgement.wins),
        "losses": float(judgement.losses),
        "ties": float(judgement.ties),
        "gain": judgement.gain,
        "gain.low": low,
        "gain.high": high,
        "alpha": judgement.gates.alpha,
        "evidence": judgement.evidence,
        "success": one.share,
        "success.before": other.share,
        "violations": float(one.violations),
        "violations.before": float(other.violations),
        "tokens": _tokens(one),
        "tokens.before": _tokens(other),
    }
    for task, both in sorted(judgement.tasks.items()):
        numbers[f"success.{task}"] = both.candidate.share
        numbers[f"success.{task}.before"] = both.current.share
    return numbers


def as_event(fact: ModelPromoted | ModelRolledBack, *, turn: int, time: datetime) -> Event:
    """Return the event of a decision: keyed by the role, its id derived from role, model and turn.

    turn: the learner's, so that a model that comes back later is a fact of its own.
    """
    key = str(fact.role)
    return Event(
        id=event_id(key, type(fact).__name__, fact.model_id, turn),
        source=SOURCE,
        time=time,
        key=key,
        fact=fact,
    )


class Tolerance(BaseModel):
    """When live outcomes call for a judgement.

    drop: by how much the live share may lie below what was measured in the lab, since live
    incidents are others. alpha: the chance that a model within the drop is ever called for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    drop: float = Field(default=0.1, ge=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)


class Watched(BaseModel):
    """A promoted model and what its live incidents have come to.

    promised: its share of successes when it was promoted. outcomes: by incident, whether it was a
    success, with the revision that said so; a later revision replaces an earlier one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelRef
    previous: ModelRef
    promised: float = Field(ge=0, le=1)
    outcomes: dict[IncidentId, tuple[int, bool | None]] = {}

    @property
    def successes(self) -> int:
        """Judged incidents that it solved."""
        return sum(outcome is True for _, outcome in self.outcomes.values())

    @property
    def failures(self) -> int:
        """Judged incidents that it did not solve."""
        return sum(outcome is False for _, outcome in self.outcomes.values())

    def seen(self, records: Iterable[TrajectoryRecord]) -> Self:
        """Return the watch with these trajectories; those of other models are passed over.

        An unknown outcome counts for nothing until an amendment tells one.
        """
        outcomes = dict(self.outcomes)
        for record in records:
            known, _ = outcomes.get(record.incident_id, (-1, None))
            if record.model_id == self.model.model_id and record.revision > known:
                outcomes[record.incident_id] = (record.revision, _judged(record.outcome))
        return self.model_copy(update={"outcomes": outcomes})

    def due(self, tolerance: Tolerance) -> bool:
        """Tell whether live outcomes refute "it keeps its promise, less the drop".

        Holds however often it is asked: the evidence is a bettor's wealth (`evaluation.paired`).
        """
        kept = self.promised - tolerance.drop
        evidence = evidence_of_less(self.successes, self.failures, kept)
        return evidence >= -math.log(tolerance.alpha)


def evidence_of_less(successes: int, failures: int, share: float) -> float:
    """Return the natural log of the evidence against "the expected share is at least `share`".

    share: one of 0 and under can't be refuted, the evidence is 0; one near 1 is read as 0.99, or a
    single failure would do.
    """
    if share <= 0:
        return 0.0
    share = min(share, HIGHEST_SHARE)
    logs = [
        # a success costs the bet's share of the wealth, as a lost pair does
        successes * math.log1p(-bet) + failures * math.log1p(bet / (1 - share) * share)
        for bet in BETS
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))


def watch(judgement: Judgement) -> Watched:
    """Return the watch over a candidate that is promoted by this judgement."""
    return Watched(
        model=judgement.candidate,
        previous=judgement.current,
        promised=judgement.whole.candidate.share,
    )


def _judged(outcome: Outcome) -> bool | None:
    return {Outcome.SUCCESS: True, Outcome.FAILURE: False}.get(outcome)


def _of(judgement: Judgement, model: ModelRef) -> None:
    if judgement.candidate != model:
        raise ValueError(
            f"expected a judgement of {model.model_id}, got one of {judgement.candidate.model_id}"
        )


def _tokens(side: Side) -> float:
    """Return the tokens of an episode, on average."""
    return side.tokens / side.episodes if side.episodes else 0.0
