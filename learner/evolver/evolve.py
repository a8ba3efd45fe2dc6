"""The Evolver: one failed trajectory in, guidance and curriculum out, or the reason why not.

    record --diagnose--> ground --repair (model)--> candidates --leaks?--> prove (lab) --> Evolved

Invariant: guidance leaves only what the strict oracle accepted; curriculum only incidents of
families that training may see. Every record ends as one of `Reason`, and is counted.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import IncidentId
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from agents.models.protocol import Model, ModelUnavailable
from learner.evolver.augment import variants
from learner.evolver.correction import Correction
from learner.evolver.diagnosis import Diagnosis, Pattern, diagnose
from learner.evolver.grounds import Ground, trainable
from learner.evolver.guidance import Leaks, guidance_of
from learner.evolver.prove import Proof, Prover, Refused
from learner.evolver.repair import Repaired, repair
from learner.incidents import Drawn
from learner.manifest import Decision

log = structlog.get_logger(__name__)


class Reason(StrEnum):
    """Why; `proved` alone stands for a correction. The last four are those of `Refused`."""

    PROVED = "proved"
    NOT_FAILED = "not_failed"
    NO_GROUND = "no_ground"
    UNANSWERED = "unanswered"
    MALFORMED = "malformed"
    LEAKS = "leaks"
    REFUSED_BY_ORACLE = "refused_by_oracle"
    NO_GAIN = "no_gain"
    HARMS_SIBLINGS = "harms_siblings"
    HARMS_NEIGHBOURS = "harms_neighbours"


STAGES = tuple(Refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolved:
    """What one record gave.

    curriculum: incidents to train on: the failed one and its variants. The oracle rewards each
    rollout, so they teach whether or not a correction of the failure was proved.
    """

    incident_id: IncidentId
    pattern: Pattern
    step: int
    decision: Decision
    reason: Reason
    guidance: GuidancePublished | None = None
    curriculum: tuple[Drawn, ...] = ()


@dataclass(slots=True, kw_only=True)
class Evolver:
    """Evolves the records of one turn.

    candidates: corrections to ask for. keep_days: how long guidance lasts.
    """

    model: Model
    ground: Ground
    prover: Prover
    candidates: int = 4
    keep_days: float = 30.0
    rendering: str = "compact"
    counts: Counter[tuple[Pattern, Reason]] = field(default_factory=Counter)

    def evolve(self, record: TrajectoryRecord, *, now: datetime) -> Evolved:
        """Return what the record gives. Blocks; raises what the solver raises.

        A record that the model can't answer, such as one of too many tokens, is dropped.
        """
        diagnosis = diagnose(record)
        evolved = self._evolved(record, diagnosis, now)
        self.counts[(evolved.pattern, evolved.reason)] += 1
        return evolved

    @property
    def dropped_share(self) -> float:
        """The share of failures so far that gave no guidance (0..1)."""
        failed = {key: number for key, number in self.counts.items() if key[1] != Reason.NOT_FAILED}
        dropped = sum(number for key, number in failed.items() if key[1] != Reason.PROVED)
        return dropped / max(1, sum(failed.values()))

    def augment(self, record: TrajectoryRecord) -> tuple[Drawn, ...]:
        """Return the variants of a success whose incident is known; none of another outcome."""
        drawn = self.ground.find(record) if record.outcome is Outcome.SUCCESS else None
        return tuple(variants(drawn, first=self.prover.first_seed).values()) if drawn else ()

    def _evolved(self, record: TrajectoryRecord, diagnosis: Diagnosis, now: datetime) -> Evolved:
        def dropped(reason: Reason, drawn: Drawn | None = None) -> Evolved:
            return Evolved(
                incident_id=record.incident_id,
                pattern=diagnosis.pattern,
                step=diagnosis.step,
                decision=Decision.DROPPED,
                reason=reason,
                curriculum=self._curriculum(drawn),
            )

        if record.outcome is not Outcome.FAILURE:
            return dropped(Reason.NOT_FAILED)
        drawn = self.ground.find(record)
        if drawn is None:
            return dropped(Reason.NO_GROUND)
        try:
            written = self._written(record, diagnosis)
        except ModelUnavailable as error:
            log.warning("repair unanswered", incident=record.incident_id, reason=str(error))
            return dropped(Reason.UNANSWERED, drawn)
        if not written:
            return dropped(Reason.MALFORMED, drawn)
        clean = [one for one in written if _publishable(record, one, now)]
        if not clean:
            return dropped(Reason.LEAKS, drawn)
        proofs = self.prover.prove([one.steps for one in clean], drawn)
        best = max(zip(proofs, clean, strict=True), key=lambda both: _rank(both[0]))
        if best[0].refused is not None:
            return dropped(Reason(best[0].refused), drawn)
        guidance = guidance_of(
            record, best[1], gain=best[0].gain, now=now, keep_days=self.keep_days
        )
        return Evolved(
            incident_id=record.incident_id,
            pattern=diagnosis.pattern,
            step=diagnosis.step,
            decision=Decision.CORRECTED,
            reason=Reason.PROVED,
            guidance=guidance,
            curriculum=self._curriculum(drawn),
        )

    def _written(self, record: TrajectoryRecord, diagnosis: Diagnosis) -> list[Correction]:
        made = asyncio.run(
            repair(
                self.model,
                record,
                diagnosis,
                count=self.candidates,
                seed=record.revision,
                rendering=self.rendering,
            )
        )
        return [one.correction for one in made if isinstance(one, Repaired)]

    def _curriculum(self, drawn: Drawn | None) -> tuple[Drawn, ...]:
        if drawn is None or not trainable(drawn):
            return ()
        return (drawn, *variants(drawn, first=self.prover.first_seed).values())


def _publishable(record: TrajectoryRecord, correction: Correction, now: datetime) -> bool:
    try:
        guidance_of(record, correction, gain=0.0, now=now, keep_days=1)
    except Leaks:
        return False
    return True


def _rank(proof: Proof) -> tuple[int, float]:
    """Order proofs by how far they came, then by gain; `max` takes the first of equals."""
    stage = len(STAGES) if proof.refused is None else STAGES.index(proof.refused)
    return stage, proof.gain
