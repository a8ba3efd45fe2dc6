"""The one registry of topics: names, keys, facts, writers, readers and retention.

Invariant: a topic's name as a string stands here and nowhere else. ACLs, AsyncAPI, the JSON
Schemas, `docs/contract/` and the rights table are generated from `TOPICS`.
"""

from functools import partial

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
from streams.topic import ALL_USERS, DAY_MS, FOR_EVER, ROLES, Key, Outsider, Topic, User, Visibility

_public_in = partial(Topic, visibility=Visibility.PUBLIC_IN)
_public_out = partial(Topic, visibility=Visibility.PUBLIC_OUT)
_internal = partial(Topic, visibility=Visibility.INTERNAL)

ALERTS = _public_in(
    name="alerts",
    key=Key.ANY,
    facts=(alert.AlertReceived,),
    writers=(Outsider.PRODUCER, Role.INTAKE),
    readers=(Role.INTAKE,),
    retention_ms=7 * DAY_MS,
    doc="Alerts from anyone, in the AOI form.",
)
ACTIONS_DECIDED = _public_in(
    name="actions.decided",
    key=Key.ANY,
    facts=(approval.ActionDecided,),
    writers=(Outsider.APPROVER,),
    readers=(Role.VERIFIER, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
    doc="Signed decisions from any approver.",
)
FEEDBACK = _public_in(
    name="feedback",
    key=Key.ANY,
    facts=(feedback.OutcomeJudged,),
    writers=(Outsider.JUDGE,),
    readers=(Role.VERIFIER, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
    doc="Signed judgements of outcomes: a person, a ticket system, the lab's oracle.",
)
# not compacted: junk under the key of a pause would take the pause away
CONTROLS = _public_in(
    name="controls",
    key=Key.ANY,
    facts=(feedback.ControlIssued,),
    writers=(Outsider.OPERATOR,),
    readers=(Role.EXECUTOR, Outsider.OPERATOR, Outsider.AUDITOR),
    broadcast=(Role.EXECUTOR,),
    partitions=1,
    broker_time=True,
    retention_ms=FOR_EVER,
    doc="Signed orders of operators: pause and resume of the executor.",
)
INCIDENTS = _public_out(
    name="incidents",
    key=Key.INCIDENT,
    facts=(incident.IncidentOpened, incident.IncidentUpdated, incident.IncidentClosed),
    writers=(Role.CORRELATOR,),
    readers=ALL_USERS,
    compacted=True,
    min_compaction_lag_ms=30 * DAY_MS,
    retention_ms=FOR_EVER,
    doc="Full snapshots of incidents.",
)
PLANS = _public_out(
    name="plans",
    key=Key.INCIDENT,
    facts=(plan.PlanProposed,),
    writers=(Role.OBSERVER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="One step each: a read, an act to ask for, or the submission.",
)
OBSERVATIONS = _public_out(
    name="observations",
    key=Key.INCIDENT,
    facts=(observation.ObservationRecorded,),
    writers=(Role.COMPRESSOR,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="Compressed, redacted evidence.",
)
ACTIONS_REQUESTED = _public_out(
    name="actions.requested",
    key=Key.APPROVAL,
    facts=(approval.ApprovalRequested,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Requests for approval.",
)
ACTIONS_APPROVED = _public_out(
    name="actions.approved",
    key=Key.INCIDENT,
    facts=(approval.ActionApproved,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Signed orders.",
)
ACTIONS_REFUSED = _public_out(
    name="actions.refused",
    key=Key.INCIDENT,
    facts=(approval.ActionRefused,),
    writers=(Role.GATE,),
    readers=ALL_USERS,
    retention_ms=30 * DAY_MS,
    doc="Actions refused by policy, preview, a person or expiry.",
)
ACTIONS_EXECUTED = _public_out(
    name="actions.executed",
    key=Key.INCIDENT,
    facts=(execution.ActionExecuted,),
    writers=(Role.EXECUTOR,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="What became of orders.",
)
TRAJECTORIES = _public_out(
    name="trajectories",
    key=Key.INCIDENT,
    facts=(trajectory.TrajectoryClosed, trajectory.TrajectoryAmended),
    writers=(Role.CLOSER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="Every closed incident, step by step.",
)
TRAJECTORIES_FAILED = _public_out(
    name="trajectories.failed",
    key=Key.INCIDENT,
    facts=(trajectory.TrajectoryClosed, trajectory.TrajectoryAmended),
    writers=(Role.CLOSER,),
    readers=ALL_USERS,
    retention_ms=90 * DAY_MS,
    doc="The trajectories whose outcome is a failure: what the learner consumes.",
)
GUIDANCE = _public_out(
    name="guidance",
    key=Key.SIGNATURE,
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
    name="models",
    key=Key.ROLE,
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
    name="audit",
    key=Key.WRITER,
    facts=(audit.AuditRecorded,),
    writers=(Role.GATE, Role.EXECUTOR),
    readers=(Outsider.AUDITOR, Outsider.OPERATOR, Role.EXECUTOR),
    retention_ms=FOR_EVER,
    doc="Hash chains, one a writer.",
)
AUDIT_HEADS = _public_out(
    name="audit.heads",
    key=Key.WRITER,
    facts=(audit.AuditHeadPublished,),
    writers=(Role.GATE, Role.EXECUTOR),
    readers=ALL_USERS,
    retention_ms=FOR_EVER,
    doc="Signed heads of the audit's chains, for anyone to keep a copy of.",
)
DEADLETTERS = _public_out(
    name="deadletters",
    key=Key.SOURCE,
    facts=(audit.DeadLettered,),
    writers=ROLES,
    readers=(Outsider.OPERATOR, Outsider.AUDITOR),
    partitions=1,
    retention_ms=30 * DAY_MS,
    doc="Records that could not be handled, with the reason.",
)
ALERTS_GROUPED = _internal(
    name="alerts.grouped",
    key=Key.GROUP,
    facts=(alert.AlertGrouped, alert.GroupReleased),
    writers=(Role.INTAKE, Role.CLOSER),
    readers=(Role.CORRELATOR, Outsider.OPERATOR),
    retention_ms=7 * DAY_MS,
)
DECISIONS = _internal(
    name="decisions",
    key=Key.INCIDENT,
    facts=(approval.DecisionVerified, feedback.JudgementVerified),
    writers=(Role.VERIFIER,),
    readers=(Role.GATE, Role.CLOSER, Outsider.APPROVER, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
MODEL_REQUESTS = _internal(
    name="model.requests",
    key=Key.INCIDENT,
    facts=(model.ModelRequested,),
    writers=(Role.OBSERVER,),
    readers=(Role.INFERENCE, Outsider.OPERATOR),
    retention_ms=90 * DAY_MS,
)
MODEL_REPLIES = _internal(
    name="model.replies",
    key=Key.INCIDENT,
    facts=(model.ModelReplied,),
    writers=(Role.INFERENCE,),
    readers=(Role.OBSERVER, Role.CLOSER, Outsider.OPERATOR, Outsider.LEARNER),
    retention_ms=90 * DAY_MS,
)
TELEMETRY = _internal(
    name="telemetry",
    key=Key.INCIDENT,
    facts=(telemetry.TelemetryCollected,),
    writers=(Role.PROBE, Role.EXECUTOR),
    readers=(Role.COMPRESSOR, Outsider.OPERATOR),
    retention_ms=DAY_MS,
)
PREVIEWS_REQUESTED = _internal(
    name="previews.requested",
    key=Key.INCIDENT,
    facts=(approval.PreviewRequested,),
    writers=(Role.GATE,),
    readers=(Role.PREVIEW, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
PREVIEWS_COMPLETED = _internal(
    name="previews.completed",
    key=Key.INCIDENT,
    facts=(approval.PreviewCompleted,),
    writers=(Role.PREVIEW,),
    readers=(Role.GATE, Outsider.OPERATOR),
    retention_ms=30 * DAY_MS,
)
LEDGER = _internal(
    name="ledger",
    key=Key.APPROVAL,
    facts=(execution.ActIntended, execution.ActSettled),
    writers=(Role.EXECUTOR,),
    readers=(Role.EXECUTOR, Outsider.OPERATOR, Outsider.AUDITOR),
    partitions=1,
    retention_ms=FOR_EVER,
)

REDUCERS: tuple[Role, ...] = (Role.CORRELATOR, Role.OBSERVER, Role.GATE, Role.CLOSER)
TRANSACTIONAL: tuple[User, ...] = (*REDUCERS, Outsider.LEARNER)
"""Who writes transactions: the reducers, and the learner its outbox (`streams/outbox.py`)."""


def state_topic(role: Role) -> Topic:
    """Return the compacted topic that holds the states of a reducer."""
    return _internal(
        name=f"{role}.state",
        key=Key.STATE,
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
    AUDIT_HEADS,
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
