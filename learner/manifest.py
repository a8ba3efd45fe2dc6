"""What the learner knows after a turn: offsets, decisions, models, and what it owes to the topics.

Invariant: the manifest is the truth about the source (Kafka's own commits are advisory) and about
what was ingested; a fact in `outbox` has an id that derives from what it is about, so publishing it
again changes nothing.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId
from agents.contracts.registry import FACTS
from learner.incidents import Drawn
from learner.models import ModelRef
from learner.promotion import Watched


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(StrEnum):
    """What became of a failure."""

    CORRECTED = "corrected"
    DROPPED = "dropped"


class Ingested(_Part):
    """One failure: which pattern, what was decided, and why."""

    pattern: str
    decision: Decision
    reason: str
    turn: int
    guidance_id: str | None = None


class Owed(_Part):
    """One fact that the turn decided to publish; `event` rebuilds it."""

    id: str
    key: str
    time: datetime
    type: str
    fact: dict[str, object]
    cause: str | None = None
    incident: str | None = None

    @classmethod
    def of(cls, event: Event) -> "Owed":
        """Return an event as something owed."""
        return cls(
            id=event.id,
            key=event.key,
            time=event.time,
            type=event.type,
            fact=event.fact.model_dump(mode="json"),
            cause=event.cause,
            incident=event.incident,
        )

    def event(self, source: str) -> Event:
        """Return the event, byte for byte what it was."""
        return Event(
            id=EventId(self.id),
            source=source,
            time=self.time,
            key=self.key,
            fact=FACTS[self.type].model_validate(self.fact),
            cause=None if self.cause is None else EventId(self.cause),
            incident=None if self.incident is None else IncidentId(self.incident),
        )


class Guide(_Part):
    """The guidance that stands for a signature: what it was proved to gain, and until when."""

    guidance_id: str
    gain: float
    expires: datetime


class UpdateTold(_Part):
    """One update of the policy. rewards: the mean of every part over the episodes.

    groups: informative ones (some, not all, of their episodes succeeded) of all that were played.
    kl: mean k3 estimates in nats a token, to the frozen reference and from the rollout's policy.
    """

    number: int
    episodes: int
    success: float = Field(ge=0, le=1)
    groups: int
    informative: int
    sequences: int
    tokens: int
    reward: float
    rewards: dict[str, float]
    loss: float
    grad_norm: float
    kl_reference: float
    kl_rollout: float
    seconds: float


class JudgementTold(_Part):
    """A candidate against the current model, on the same fresh incidents."""

    candidate: str
    current: str
    verdict: str
    pairs: int
    candidate_success: float
    current_success: float
    difference: float
    low: float
    high: float
    violations: int
    reasons: tuple[str, ...] = ()


class TurnTold(_Part):
    """One turn as `aoi learn status` shows it; seconds by step."""

    number: int
    ended_at: datetime
    failures: int
    repeats: int
    unreadable: int
    corrected: int
    dropped: dict[str, int]
    updates: tuple[UpdateTold, ...] = ()
    judgement: JudgementTold | None = None
    promoted: str | None = None
    rolled_back: str | None = None
    seconds: dict[str, float] = Field(default_factory=dict)


TURNS_KEPT = 100


class Manifest(_Part):
    """One checkpoint.

    offsets: the next offset of each partition of the failure topic, whose id is `topic_id`.
    ingested: decisions by `<incident>/<revision>`. guides: what stands on the topic, by signature.
    curriculum: incidents to train on, newest last. trainer: the folder that training goes on from
    (None: from `current`).
    watched: the promoted model's live outcomes, read up to `watch_offsets`.
    """

    version: int = 1
    number: int = Field(ge=0)
    epoch: int = Field(ge=0)
    written_at: datetime
    offsets: dict[int, int] = Field(default_factory=dict)
    topic_id: str | None = None
    ingested: dict[str, Ingested] = Field(default_factory=dict)
    guides: dict[str, Guide] = Field(default_factory=dict)
    curriculum: tuple[Drawn, ...] = ()
    outbox: tuple[Owed, ...] = ()
    current: ModelRef
    previous: ModelRef | None = None
    candidate: ModelRef | None = None
    promoted_at: datetime | None = None
    trainer: str | None = None
    watched: Watched | None = None
    watch_offsets: dict[int, int] = Field(default_factory=dict)
    watch_topic_id: str | None = None
    turns: tuple[TurnTold, ...] = ()

    def by_pattern(self) -> dict[str, int]:
        """Return how many failures showed each pattern, the most frequent first."""
        counts: dict[str, int] = {}
        for one in self.ingested.values():
            counts[one.pattern] = counts.get(one.pattern, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def by_reason(self, decision: Decision) -> dict[str, int]:
        """Return how many failures were decided so, by reason, the most frequent first."""
        counts: dict[str, int] = {}
        for one in self.ingested.values():
            if one.decision is decision:
                counts[one.reason] = counts.get(one.reason, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
