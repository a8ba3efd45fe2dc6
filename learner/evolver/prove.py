"""Prove: a guide must solve the failed incident and help its siblings without harming others.

    candidates --the incident itself--> accepted --siblings: with, without--> gain
                                                  --other families: with, without--> proofs

Invariant: verdicts are the strict oracle's, on labs built anew. Each stage runs only what passed
the one before; what the model does without a guide is run once for all guides of a turn.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from learner.evolver.grounds import trainable_families
from learner.incidents import Drawn, paired, siblings
from learner.rollout.collect import Job, Solver

Guide = tuple[str, ...]
GROUP = "proof"


class Refused(StrEnum):
    """Why a guide is not proved, in the order of the stages."""

    REFUSED_BY_ORACLE = "refused_by_oracle"
    NO_GAIN = "no_gain"
    HARMS_SIBLINGS = "harms_siblings"
    HARMS_NEIGHBOURS = "harms_neighbours"


class ProofRules(BaseModel):
    """What a guide must show.

    siblings, neighbours: how many fresh incidents; a neighbour is one of another family with the
    same task, which the same alert could tell of. least_gain: the gain on siblings must be above
    it. flip: solving the failed incident, which goes wrong without the guide, makes up for a gain
    of least_gain exactly, where no sibling is lost. siblings_lost: how many that go right without
    the guide may go wrong with it. neighbours_lost: the same, less those that the guide wins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    siblings: int = Field(default=6, ge=1)
    neighbours: int = Field(default=6, ge=0)
    least_gain: float = Field(default=0.0, ge=-1, le=1)
    flip: bool = True
    siblings_lost: int = Field(default=1, ge=0)
    neighbours_lost: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Pairs of runs with and without a guide."""

    won: int = 0
    lost: int = 0
    pairs: int = 0

    @property
    def gain(self) -> float:
        """What share is won, less what is lost; 0 without pairs."""
        return (self.won - self.lost) / self.pairs if self.pairs else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was shown of one guide. refused: None when it is proved."""

    guide: Guide
    refused: Refused | None = None
    flipped: bool = False
    siblings: Tally = Tally()
    neighbours: Tally = Tally()

    @property
    def gain(self) -> float:
        """The gain on siblings (-1..1)."""
        return self.siblings.gain


Rule = Callable[[Proof, Tally], Proof]


@dataclass(slots=True, kw_only=True)
class Prover:
    """Proves guides within one turn: the model must be the same throughout.

    first_seed: fresh incidents are drawn from here on; the same ones serve every guide.
    """

    solver: Solver
    rules: ProofRules
    first_seed: int
    episodes: int = 0
    _unguided: dict[Drawn, bool] = field(default_factory=dict)

    def prove(self, guides: Sequence[Guide], drawn: Drawn) -> list[Proof]:
        """Return a proof for each guide, in order. Raises what the solver raises."""
        proofs = [Proof(guide=guide) for guide in guides]
        proofs = self._itself(proofs, drawn)
        fresh = siblings(drawn, self.rules.siblings, first=self.first_seed)
        proofs = self._compared(proofs, fresh, self._on_siblings)
        return self._compared(proofs, self._neighbours(drawn), self._on_neighbours)

    def _itself(self, proofs: Sequence[Proof], drawn: Drawn) -> list[Proof]:
        solved = self._solve([(proof.guide, drawn) for proof in proofs])
        before = bool(proofs) and any(solved) and self._without([drawn])[0]
        return [
            Proof(guide=proof.guide, flipped=not before)
            if accepted
            else Proof(guide=proof.guide, refused=Refused.REFUSED_BY_ORACLE)
            for proof, accepted in zip(proofs, solved, strict=True)
        ]

    def _compared(
        self, proofs: Sequence[Proof], incidents: Sequence[Drawn], rule: Rule
    ) -> list[Proof]:
        """Apply a rule to the guides that are not refused yet, all of them in one batch."""
        standing = [proof for proof in proofs if proof.refused is None]
        if not standing:
            return list(proofs)
        before = self._without(incidents)
        after = self._solve([(proof.guide, one) for proof in standing for one in incidents])
        judged = {}
        for number, proof in enumerate(standing):
            start = number * len(incidents)
            tally = _tally(after[start : start + len(incidents)], before)
            judged[proof.guide] = rule(proof, tally)
        return [judged.get(proof.guide, proof) for proof in proofs]

    def _on_siblings(self, proof: Proof, tally: Tally) -> Proof:
        rules = self.rules
        enough = tally.gain > rules.least_gain
        made_up = rules.flip and proof.flipped and tally.lost == 0
        refused = None
        if not enough and not (made_up and tally.gain >= rules.least_gain):
            refused = Refused.NO_GAIN
        elif tally.lost > rules.siblings_lost:
            refused = Refused.HARMS_SIBLINGS
        return Proof(guide=proof.guide, refused=refused, flipped=proof.flipped, siblings=tally)

    def _on_neighbours(self, proof: Proof, tally: Tally) -> Proof:
        harmed = tally.lost - tally.won > self.rules.neighbours_lost
        return Proof(
            guide=proof.guide,
            refused=Refused.HARMS_NEIGHBOURS if harmed else None,
            flipped=proof.flipped,
            siblings=proof.siblings,
            neighbours=tally,
        )

    def _neighbours(self, drawn: Drawn) -> list[Drawn]:
        """Return incidents of other families that training may see, the same for a task."""
        others = [family for family in trainable_families() if family != drawn.family]
        first = self.first_seed + self.rules.siblings
        return paired(others, [drawn.task], self.rules.neighbours, first=first)

    def _without(self, incidents: Sequence[Drawn]) -> list[bool]:
        missing = [one for one in dict.fromkeys(incidents) if one not in self._unguided]
        solved = self._solve([((), one) for one in missing])
        self._unguided.update(zip(missing, solved, strict=True))
        return [self._unguided[one] for one in incidents]

    def _solve(self, runs: Iterable[tuple[Guide, Drawn]]) -> list[bool]:
        jobs = [
            Job(drawn=drawn, guidance=guide, seed=drawn.seed, group=GROUP) for guide, drawn in runs
        ]
        if not jobs:
            return []
        self.episodes += len(jobs)
        return [episode.success for episode in self.solver(jobs)]


def _tally(after: Sequence[bool], before: Sequence[bool]) -> Tally:
    both = list(zip(after, before, strict=True))
    return Tally(
        won=sum(guided and not unguided for guided, unguided in both),
        lost=sum(unguided and not guided for guided, unguided in both),
        pairs=len(both),
    )
