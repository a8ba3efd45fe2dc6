"""What a topic is: its key, its facts, who may write and read it, and how long it keeps them.

Invariant: every topic is one of `streams/topics.py`; this module names none.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from agents.contracts.model_base import Fact
from agents.roles import Role

DAY_MS = 24 * 3600 * 1000
FOR_EVER = -1


class Outsider(StrEnum):
    """A Kafka user that is no role of the pipeline."""

    PRODUCER = "producer"
    APPROVER = "approver"
    OPERATOR = "operator"
    JUDGE = "judge"
    LEARNER = "learner"
    AUDITOR = "auditor"


class Key(StrEnum):
    """What the partition key of a topic is."""

    ANY = "any"
    GROUP = "group"
    INCIDENT = "incident"
    APPROVAL = "approval"
    SIGNATURE = "signature"
    ROLE = "role"
    WRITER = "writer"
    SOURCE = "source"
    STATE = "state"


class Visibility(StrEnum):
    """Whether outsiders may build on a topic."""

    PUBLIC_IN = "public-in"
    PUBLIC_OUT = "public-out"
    INTERNAL = "internal"


User = Role | Outsider
ROLES: tuple[Role, ...] = tuple(Role)
ALL_USERS: tuple[User, ...] = (*Role, *Outsider)
INCIDENT_PARTITIONS = 8
MAX_RECORD_BYTES = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `retention_ms` -1: for ever; `broadcast` readers read all, without a group.

    broker_time: a record's timestamp is when the broker took it, whatever its producer says.
    """

    name: str
    key: Key
    facts: tuple[type[Fact], ...]
    writers: tuple[User, ...]
    readers: tuple[User, ...]
    visibility: Visibility
    retention_ms: int
    partitions: int = INCIDENT_PARTITIONS
    compacted: bool = False
    broker_time: bool = False
    min_compaction_lag_ms: int = 0
    broadcast: tuple[Role, ...] = ()
    doc: str = ""
    config: dict[str, str] = field(default_factory=dict)

    def kafka_config(self) -> dict[str, str]:
        """Return the topic's Kafka configuration; values are strings as Kafka has them."""
        wanted = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_RECORD_BYTES + 65_536),
        }
        if self.compacted:
            wanted["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
        if self.broker_time:
            wanted["message.timestamp.type"] = "LogAppendTime"
        return wanted | self.config
