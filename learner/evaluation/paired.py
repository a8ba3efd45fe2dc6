"""A sequential test over pairs: on one incident each, did the candidate solve it, did the current?

    d = candidate's success - current's, in {-1, 0, 1}; wealth = product of 1 + bet * (d - mean)

Invariant: whenever one stops, and however often one looked, a claim is wrong with a probability of
at most alpha. Where the expected d is at most `mean`, the wealth of a bettor on more is a
nonnegative supermartingale from 1, which reaches 1 / alpha with at most that probability (Ville).
Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B
86 (2024), 1-27, arXiv:2010.09686. The bets are a fixed mixture, so counts are all that matters.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

BETS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of what a pair can cost that are staked on it; eight wins without a loss make 29."""
HALVINGS = 40


class Verdict(StrEnum):
    """What the pairs say of the candidate."""

    BETTER = "better"
    NOT_BETTER = "not_better"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"


class Gates(BaseModel):
    """What a candidate must pass. alpha: the largest chance of a wrong claim.

    delta: a gain of less is not worth waiting for (in shares of incidents). violations_margin: by
    how much the candidate's attempts at something forbidden may exceed the current's, a pair.
    cost_ratio: how many times the current's tokens it may use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(default=0.05, gt=0, lt=1)
    delta: float = Field(default=0.05, ge=0, lt=1)
    fewest_pairs: int = Field(default=10, ge=1, description="before `better` is said")
    most_pairs: int = Field(default=200, ge=1)
    batch: int = Field(default=10, ge=1, description="pairs between two looks")
    violations_margin: float = Field(default=0.05, ge=0)
    cost_ratio: float = Field(default=2.0, gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Pairs by who solved the incident: the candidate alone, the current alone, both or neither."""

    wins: int = 0
    losses: int = 0
    ties: int = 0

    @property
    def pairs(self) -> int:
        """How many there are."""
        return self.wins + self.losses + self.ties

    @property
    def gain(self) -> float:
        """The mean of d; 0 without pairs."""
        return (self.wins - self.losses) / self.pairs if self.pairs else 0.0

    @property
    def swapped(self) -> "Tally":
        """The same pairs as the current would tell them of itself."""
        return Tally(wins=self.losses, losses=self.wins, ties=self.ties)

    def with_pair(self, *, candidate: bool, current: bool) -> "Tally":
        """Return the tally with one more pair."""
        return Tally(
            wins=self.wins + (candidate and not current),
            losses=self.losses + (current and not candidate),
            ties=self.ties + (candidate == current),
        )


def evidence_above(tally: Tally, mean: float) -> float:
    """Return the natural log of the evidence against "the expected d is at most `mean`".

    mean: in (-1, 1). Falls as `mean` rises; 0 without pairs.
    """
    counts = ((1.0, tally.wins), (0.0, tally.ties), (-1.0, tally.losses))
    logs = [
        # a loss costs the whole share: 1 - bet is left
        sum(count * math.log1p(bet / (1 + mean) * (d - mean)) for d, count in counts)
        for bet in BETS
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))


def evidence_below(tally: Tally, mean: float) -> float:
    """Return the natural log of the evidence against "the expected d is at least `mean`"."""
    return evidence_above(tally.swapped, -mean)


def decide(tally: Tally, gates: Gates) -> Verdict | None:
    """Return what can be claimed now, or None. A tiny gain that is certain is `better`."""
    needed = -math.log(gates.alpha)
    if tally.pairs >= gates.fewest_pairs and evidence_above(tally, 0.0) >= needed:
        return Verdict.BETTER
    if evidence_below(tally, gates.delta) >= needed:
        return Verdict.NOT_BETTER
    return None


def interval(tally: Tally, alpha: float) -> tuple[float, float]:
    """Return bounds of the expected d that hold with probability 1 - alpha at any stopping.

    All means that neither of two bettors has refuted at alpha / 2 (a betting confidence set).
    """
    return _lowest(tally, alpha / 2), -_lowest(tally.swapped, alpha / 2)


def _lowest(tally: Tally, alpha: float) -> float:
    """Return the largest mean that the evidence has excluded, by halving; -1 when none is."""
    low, high, needed = -1.0, 1.0, -math.log(alpha)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if evidence_above(tally, middle) >= needed:
            low = middle
        else:
            high = middle
    return low
