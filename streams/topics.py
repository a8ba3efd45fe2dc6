"""The one registry of topics: names, keys, facts, writers, readers and retention.

Invariant: a topic's name as a string stands here and nowhere else. ACLs, AsyncAPI, the JSON
Schemas, `docs/contract/` and the rights table are generated from `TOPICS`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from agents.contracts import (
    alert,
    approval,
    audit,
    execution,
    feedback,
    guidance,
    incident,
    model,
    observation,
    plan,
    telemetry,
    trajectory,
)
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
    """One topic. `retention_ms` -1 keeps for ever; `broadcast` readers read all, without a group.

    `transactional_writers` commit through a Kafka transaction (the reducers).
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
        return wanted | self.config


def _public_in(name: str, key: Key, **more: object) -> Topic:
    return Topic(name=name, key=key, visibility=Visibility.PUBLIC_IN, **more)  # type: ignore[arg-type]


def _public_out(name: str, key: Key, **more: object) -> Topic:
    return Topic(name=name, key=key, visibility=Visibility.PUBLIC_OUT, **more)  # type: ignore[arg-type]


def _internal(name: str, key: Key, **more: object) -> Topic:
    return Topic(name=name, key=key, visibility=Visibility.INTERNAL, **more)  # type: ignore[arg-type]


ALERTS = _public_in(
    "alerts",
    Key.ANY,
    facts=(alert.AlertReceived,),
    writers=(Outsider.PRODUCER, Role.INTAKE),
    readers=(Role.INTAKE,),
    retention_ms=7 * DAY_MS,
    doc="Alerts from anyone, in the AOI form.",
)
ACTIONS_DECIDED = _public_in(
    "actions.decided",
    Key.ANY,
    facts=(approval.ActionDecided,),
    writers=(Outsider.APPROVER,),
    readers=(Role.VERIFIER,),
    retention_ms=30 * DAY_MS,
    doc="Signed decisions from any approver.",
)
FEEDBACK = _public_in(
    "feedback",
    Key.ANY,
    facts=(feedback.OutcomeJudged,),
    writers=(Outsider.JUDGE,),
    readers=(Role.VERIFIER,),
    retention_ms=30 * DAY_MS,
    doc="Signed judgements of outcomes: a person, a ticket system, the lab's oracle.",
)
CONTROLS = _public_in(
    "controls",
    Key.ANY,
    facts=(feedback.ControlIssued,),
    writers=(Outsider.OPERATOR,),
    readers=(Role.CORRELATOR, Role.GATE, Role.EXECUTOR),
    broadcast=(Role.CORRELATOR, Role.GATE, Role.EXECUTOR),
    partitions=1,
    compacted=True,
    retention_ms=FOR_EVER,
    doc="Signed orders of operators: pause, resume, silence, close.",
)
INCIDENTS = _public_out(
    "incidents",
    Key.INCIDENT,
    facts=(incident.IncidentOpened, incident.IncidentUpdated, incident.IncidentClosed),
    writers=(Role.CORRELATOR,),
    readers=ALL_USERS,
    compacted=True,
    min_compaction_lag_ms=30 * DAY_MS,
    retention_ms=FOR_EVER,
    doc="Full snapshots of incidents.",
)
PLANS = _public_out(
    "plans",
    Key.INCIDENT,
    facts=(plan.PlanProposed,),
    writers=(Role.OBSERVER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="One step each: a read, an act to ask for, or the submission.",
)
OBSERVATIONS = _public_out(
    "observations",
    Key.INCIDENT,
    facts=(observation.ObservationRecorded,),
    writers=(Role.COMPRESSOR,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="Compressed, redacted evidence.",
)
ACTIONS_REQUESTED = _public_out(
    "actions.requested",
    Key.APPROVAL,
    facts=(approval.ApprovalRequested,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Requests for approval.",
)
ACTIONS_APPROVED = _public_out(
    "actions.approved",
    Key.INCIDENT,
    facts=(approval.ActionApproved,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Signed orders.",
)
ACTIONS_REFUSED = _public_out(
    "actions.refused",
    Key.INCIDENT,
    facts=(approval.ActionRefused,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Actions refused by policy, preview, a person or expiry.",
)
ACTIONS_EXECUTED = _public_out(
    "actions.executed",
    Key.INCIDENT,
    facts=(execution.ActionExecuted,),
    writers=(Role.EXECUTOR,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="What became of orders.",
)
TRAJECTORIES = _public_out(
    "trajectories",
    Key.INCIDENT,
    facts=(trajectory.TrajectoryClosed, trajectory.TrajectoryAmended),
    writers=(Role.CLOSER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="Every closed incident, step by step.",
)
TRAJECTORIES_FAILED = _public_out(
    "trajectories.failed",
    Key.INCIDENT,
    facts=(trajectory.TrajectoryClosed, trajectory.TrajectoryAmended),
    writers=(Role.CLOSER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="The trajectories whose outcome is a failure: what the learner consumes.",
)
GUIDANCE = _public_out(
    "guidance",
    Key.SIGNATURE,
    facts=(guidance.GuidancePublished,),
    writers=(Outsider.LEARNER,),
    readers=ALL_USERS,
    broadcast=(Role.OBSERVER,),
    partitions=1,
    compacted=True,
    retention_ms=FOR_EVER,
    doc="Proved corrections, without names of instances.",
)
MODELS = _public_out(
    "models",
    Key.ROLE,
    facts=(model.ModelPromoted, model.ModelRolledBack),
    writers=(Outsider.LEARNER,),
    readers=ALL_USERS,
    broadcast=(Role.OBSERVER, Role.INFERENCE),
    partitions=1,
    compacted=True,
    retention_ms=FOR_EVER,
    doc="Which model serves which role.",
)
AUDIT = _public_out(
    "audit",
    Key.WRITER,
    facts=(audit.AuditRecorded,),
    writers=(Role.GATE, Role.EXECUTOR),
    readers=(Outsider.AUDITOR, Outsider.OPERATOR, Role.EXECUTOR),
    retention_ms=FOR_EVER,
    doc="Hash chains, one a writer.",
)
DEADLETTERS = _public_out(
    "deadletters",
    Key.SOURCE,
    facts=(audit.DeadLettered,),
    writers=ROLES,
    readers=(Outsider.OPERATOR, Outsider.AUDITOR),
    partitions=1,
    retention_ms=30 * DAY_MS,
    doc="Records that could not be handled, with the reason.",
)
ALERTS_GROUPED = _internal(
    "alerts.grouped",
    Key.GROUP,
    facts=(alert.AlertGrouped, alert.GroupReleased),
    writers=(Role.INTAKE, Role.CLOSER),
    readers=(Role.CORRELATOR, Outsider.OPERATOR),
    retention_ms=7 * DAY_MS,
)
DECISIONS = _internal(
    "decisions",
    Key.INCIDENT,
    facts=(approval.DecisionVerified, feedback.JudgementVerified),
    writers=(Role.VERIFIER,),
    readers=(Role.GATE, Role.CLOSER, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
MODEL_REQUESTS = _internal(
    "model.requests",
    Key.INCIDENT,
    facts=(model.ModelRequested,),
    writers=(Role.OBSERVER,),
    readers=(Role.INFERENCE, Outsider.OPERATOR),
    retention_ms=90 * DAY_MS,
)
MODEL_REPLIES = _internal(
    "model.replies",
    Key.INCIDENT,
    facts=(model.ModelReplied,),
    writers=(Role.INFERENCE,),
    readers=(Role.OBSERVER, Role.CLOSER, Outsider.OPERATOR, Outsider.LEARNER),
    retention_ms=90 * DAY_MS,
)
TELEMETRY = _internal(
    "telemetry",
    Key.INCIDENT,
    facts=(telemetry.TelemetryCollected,),
    writers=(Role.PROBE, Role.EXECUTOR),
    readers=(Role.COMPRESSOR,),
    retention_ms=DAY_MS,
)
PREVIEWS_REQUESTED = _internal(
    "previews.requested",
    Key.INCIDENT,
    facts=(approval.PreviewRequested,),
    writers=(Role.GATE,),
    readers=(Role.PREVIEW, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
PREVIEWS_COMPLETED = _internal(
    "previews.completed",
    Key.INCIDENT,
    facts=(approval.PreviewCompleted,),
    writers=(Role.PREVIEW,),
    readers=(Role.GATE, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
LEDGER = _internal(
    "ledger",
    Key.APPROVAL,
    facts=(execution.ActIntended, execution.ActSettled),
    writers=(Role.EXECUTOR,),
    readers=(Role.EXECUTOR, Outsider.OPERATOR, Outsider.AUDITOR),
    partitions=1,
    retention_ms=FOR_EVER,
)

REDUCERS: tuple[Role, ...] = (Role.CORRELATOR, Role.OBSERVER, Role.GATE, Role.CLOSER)


def state_topic(role: Role) -> Topic:
    """Return the compacted topic that holds the states of a reducer."""
    return _internal(
        f"{role}.state",
        Key.STATE,
        facts=(),
        writers=(role,),
        readers=(role,),
        compacted=True,
        retention_ms=FOR_EVER,
    )


STATES: dict[Role, Topic] = {role: state_topic(role) for role in REDUCERS}

TOPICS: tuple[Topic, ...] = (
    ALERTS,
    ACTIONS_DECIDED,
    FEEDBACK,
    CONTROLS,
    INCIDENTS,
    PLANS,
    OBSERVATIONS,
    ACTIONS_REQUESTED,
    ACTIONS_APPROVED,
    ACTIONS_REFUSED,
    ACTIONS_EXECUTED,
    TRAJECTORIES,
    TRAJECTORIES_FAILED,
    GUIDANCE,
    MODELS,
    AUDIT,
    DEADLETTERS,
    ALERTS_GROUPED,
    DECISIONS,
    MODEL_REQUESTS,
    MODEL_REPLIES,
    TELEMETRY,
    PREVIEWS_REQUESTED,
    PREVIEWS_COMPLETED,
    LEDGER,
    *STATES.values(),
)
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
BY_FACT: dict[type[Fact], Topic] = {
    fact: topic for topic in TOPICS if topic is not TRAJECTORIES_FAILED for fact in topic.facts
}


def route(fact: Fact) -> tuple[Topic, ...]:
    """Return the topics that a fact is published on; a failed trajectory goes to two.

    Raises KeyError for a fact that no topic carries.
    """
    home = BY_FACT[type(fact)]
    if isinstance(fact, trajectory.TrajectoryRecord) and (
        fact.outcome is trajectory.Outcome.FAILURE
    ):
        return (home, TRAJECTORIES_FAILED)
    return (home,)


def inputs(role: Role) -> tuple[Topic, ...]:
    """Return the topics that a role consumes in its group (broadcasts aside)."""
    return tuple(topic for topic in TOPICS if role in CONSUMED.get(topic.name, ()))


CONSUMED: dict[str, tuple[Role, ...]] = {
    ALERTS.name: (Role.INTAKE,),
    ACTIONS_DECIDED.name: (Role.VERIFIER,),
    FEEDBACK.name: (Role.VERIFIER,),
    ALERTS_GROUPED.name: (Role.CORRELATOR,),
    INCIDENTS.name: (Role.OBSERVER, Role.CLOSER),
    PLANS.name: (Role.PROBE, Role.GATE, Role.CLOSER),
    OBSERVATIONS.name: (Role.OBSERVER, Role.CLOSER),
    ACTIONS_APPROVED.name: (Role.EXECUTOR, Role.CLOSER),
    ACTIONS_REFUSED.name: (Role.OBSERVER, Role.CLOSER),
    ACTIONS_EXECUTED.name: (Role.CLOSER,),
    DECISIONS.name: (Role.GATE, Role.CLOSER),
    MODEL_REQUESTS.name: (Role.INFERENCE,),
    MODEL_REPLIES.name: (Role.OBSERVER, Role.CLOSER),
    TELEMETRY.name: (Role.COMPRESSOR,),
    PREVIEWS_REQUESTED.name: (Role.PREVIEW,),
    PREVIEWS_COMPLETED.name: (Role.GATE,),
}
