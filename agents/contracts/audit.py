"""Records that say who did what: audit chain entries, their heads, dead letters, fired timers."""

from enum import StrEnum

from pydantic import AwareDatetime, Field, JsonValue

from agents.contracts.ids import IncidentId
from agents.contracts.model_base import Fact


class AuditKind(StrEnum):
    """What an audit record is about."""

    PLAN_JUDGED = "plan_judged"
    APPROVAL_REQUESTED = "approval_requested"
    DECISION_ACCEPTED = "decision_accepted"
    DECISION_REJECTED = "decision_rejected"
    ORDER_SIGNED = "order_signed"
    ORDER_REFUSED = "order_refused"
    ACT_INTENDED = "act_intended"
    ACT_SETTLED = "act_settled"
    CIRCUIT_OPENED = "circuit_opened"


class AuditRecorded(Fact):
    r"""One link of a writer's chain.

    hash: hex SHA-256 of the canonical JSON of every field but `hash` and `signature` (and but `at`
    where it is null, as in records of older writers); previous: the hash before, or 64 zeros.
    signature: base64 Ed25519 over `AOI-audit-v1\n` and the 32 hash bytes.
    """

    writer: str
    index: int = Field(ge=0)
    previous: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: AuditKind
    incident_id: IncidentId
    record: dict[str, JsonValue]
    at: AwareDatetime | None = Field(default=None, description="when, by the writer's clock")
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    signature: str


class AuditHeadPublished(Fact):
    r"""How far a writer's chain had come, signed: a chain that ends earlier was cut.

    signature: base64 Ed25519 over `AOI-audit-head-v1\n` and canonical JSON of every other field.
    """

    writer: str
    index: int = Field(ge=0, description="the number of the chain's last record")
    hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="the hash of that record")
    at: AwareDatetime
    signature: str


class DeadLettered(Fact):
    """A record that could not be handled, as it was; bytes are base64."""

    source_topic: str
    partition: int = Field(description="-1 when it came over HTTP")
    offset: int
    key: str | None
    value: str
    headers: tuple[tuple[str, str], ...]
    reason: str = Field(description="a reason code")
    message: str
    role: str


class TimerFired(Fact):
    """A timer that stood in a reducer's state has come due."""

    name: str
    key: str
