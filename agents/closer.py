"""The closer: gathers what happened in an incident and says how it ended.

Invariant: a trajectory is published once the submission's required facts, the end of every act
and a judgement (or its timer) are there; it holds each step once, in order. A judgement that
comes after the closing amends the trajectory with a new revision.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from agents.contracts.alert import GroupReleased
from agents.contracts.approval import ActionApproved, ActionRefused, RefusedBy
from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.feedback import Judgement, JudgementVerified, OutcomeJudged
from agents.contracts.ids import EventId, IncidentId, PlanId, event_id
from agents.contracts.incident import IncidentSnapshot, IncidentUpdated
from agents.contracts.model import ModelReplied
from agents.contracts.observation import ObservationRecorded
from agents.contracts.plan import PlanKind, PlanProposed, SubmitReason
from agents.contracts.trajectory import (
    Outcome,
    OutcomeSource,
    TrajectoryAmended,
    TrajectoryClosed,
    TrajectoryRecord,
    TrajectoryStep,
)
from agents.observer.guides import symptoms_of
from agents.reducer import Output, ReducerState, Step
from agents.roles import Role
from agents.settings import CloserSettings

JUDGEMENT = "judgement"
LAST_RESORT = "last_resort"
FORGET = "forget"


class CloserState(ReducerState):
    """An incident under construction; once `closed` is set only amendments follow."""

    incident: IncidentSnapshot | None = None
    plans: dict[PlanId, PlanProposed] = Field(default_factory=dict)
    replies: dict[int, tuple[ModelReplied, ...]] = Field(default_factory=dict)
    observations: dict[PlanId, tuple[EventId, ObservationRecorded]] = Field(default_factory=dict)
    refusals: dict[PlanId, ActionRefused] = Field(default_factory=dict)
    orders: dict[PlanId, ActionApproved] = Field(default_factory=dict)
    executions: dict[PlanId, ActionExecuted] = Field(default_factory=dict)
    judgement: OutcomeJudged | None = None
    submitted_at: datetime | None = None
    seen: tuple[EventId, ...] = ()
    expired: bool = False
    closed: TrajectoryRecord | None = None

    @property
    def submission(self) -> PlanProposed | None:
        """The step that ended the incident, if it has come."""
        return next((p for p in self.plans.values() if p.kind is PlanKind.SUBMIT), None)

    @property
    def complete(self) -> bool:
        """Whether every fact that the submission names, and every act's end, is here."""
        last = self.submission
        if last is None or last.submission is None or self.incident is None:
            return False
        acts = [plan.plan_id for plan in self.plans.values() if plan.kind is PlanKind.ACTION]
        settled = all(plan in self.refusals or plan in self.executions for plan in acts)
        return settled and set(last.submission.requires) <= set(self.seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloserReducer:
    """The reducer of role `closer`."""

    settings: CloserSettings
    role: Role = Role.CLOSER
    state_type: type[CloserState] = CloserState

    def key_of(self, event: Event) -> str | None:
        """Return the incident of the events that this role reads."""
        if isinstance(event.fact, TimerFired):
            return event.key
        return getattr(event.fact, "incident_id", None)

    def initial(self, key: str) -> CloserState:
        """Return an incident of which nothing is known."""
        return CloserState(key=key)

    def advance(self, state: CloserState, event: Event) -> Step[CloserState]:
        """Apply one event."""
        fact = event.fact
        if isinstance(fact, TimerFired):
            if fact.name == FORGET:
                return Step(None)
            if fact.name == LAST_RESORT:
                return self._give_up(state, event)
            return self._settle(state.model_copy(update={"expired": True}), event)
        if event.id in state.seen:
            return Step(state)
        if state.closed is not None:
            return self._amend(state, state.closed, event)
        if not isinstance(fact, IncidentUpdated):  # no submission requires one; there can be many
            state = state.model_copy(update={"seen": (*state.seen, event.id)})
        return self._settle(self._waiting(_gathered(state, event), event), event)

    def _waiting(self, state: CloserState, event: Event) -> CloserState:
        if FORGET not in state.timers:
            state = self._forgotten(state, event.time)
        if state.submission is None:
            return state
        if LAST_RESORT not in state.timers:
            due = event.time + timedelta(seconds=self.settings.last_resort_seconds)
            state = state.with_timer(LAST_RESORT, due)
        if state.judgement is not None or JUDGEMENT in state.timers or state.expired:
            return state
        due = event.time + timedelta(seconds=self.settings.judgement_seconds)
        return state.with_timer(JUDGEMENT, due)

    def _forgotten(self, state: CloserState, now: datetime) -> CloserState:
        return state.with_timer(FORGET, now + timedelta(seconds=self.settings.forget_seconds))

    def _settle(self, state: CloserState, event: Event) -> Step[CloserState]:
        ready = state.complete and (state.judgement is not None or state.expired)
        if not ready or state.closed is not None:
            return Step(state)
        return self._closed(
            state, TrajectoryClosed.model_validate(_record(state, event.time)), event
        )

    def _give_up(self, state: CloserState, event: Event) -> Step[CloserState]:
        """Close with what is there: a fact that became a dead letter must not hold a group."""
        if state.incident is None or state.closed is not None:
            return Step(state)
        record = _record(state, event.time) | {
            "outcome": Outcome.UNKNOWN,
            "source": OutcomeSource.NOBODY,
            "reason": "facts are missing; see the dead letters",
            "trainable": False,
        }
        return self._closed(state, TrajectoryClosed.model_validate(record), event)

    def _closed(
        self, state: CloserState, closed: TrajectoryClosed, event: Event
    ) -> Step[CloserState]:
        assert state.incident is not None  # noqa: S101 - the callers have checked
        incident = IncidentId(state.key)
        released = GroupReleased(
            group=state.incident.group,
            incident_id=incident,
            outcome=closed.outcome,
            reason=closed.reason,
            submitted_at=state.submitted_at,
        )
        outputs = (
            _output(incident, closed, "0"),
            Output(
                id=event_id(incident, "GroupReleased"),
                key=released.group,
                fact=released,
                incident=incident,
            ),
        )
        return Step(self._marker(state, closed, event.time), outputs)

    def _marker(self, state: CloserState, closed: TrajectoryRecord, now: datetime) -> CloserState:
        kept = CloserState(
            key=state.key, sequence=state.sequence, applied=state.applied, closed=_plain(closed)
        )
        return self._forgotten(kept, now)

    def _amend(
        self, state: CloserState, closed: TrajectoryRecord, event: Event
    ) -> Step[CloserState]:
        if not isinstance(event.fact, JudgementVerified):
            return Step(state)
        judged = event.fact.judgement.payload
        outcome = _judged(judged.judgement)
        if closed.outcome is outcome and closed.source is OutcomeSource.JUDGE:
            return Step(state)
        revision = closed.revision + 1
        amended = TrajectoryAmended.model_validate(
            closed.model_dump()
            | {
                "revision": revision,
                "outcome": outcome,
                "source": OutcomeSource.JUDGE,
                "judge": judged.judge,
                "reason": judged.reason,
                "closed_at": event.time,
            }
        )
        output = _output(IncidentId(state.key), amended, str(revision))
        seen = (*state.seen, event.id)
        return Step(state.model_copy(update={"closed": _plain(amended), "seen": seen}), (output,))


def _gathered(state: CloserState, event: Event) -> CloserState:
    """Return the state with the fact in its place; the first of a kind and plan wins."""
    match event.fact:
        case IncidentSnapshot() as snapshot:
            plain = IncidentSnapshot.model_validate(dict(snapshot))
            return state.model_copy(update={"incident": plain})
        case PlanProposed() as plan:
            if plan.kind is PlanKind.SUBMIT:
                state = state.model_copy(update={"submitted_at": event.time})
            return state.model_copy(update={"plans": {plan.plan_id: plan} | state.plans})
        case ModelReplied() as reply:
            before = state.replies.get(reply.iteration, ())
            replies = {**state.replies, reply.iteration: (*before, reply)}
            return state.model_copy(update={"replies": replies})
        case ObservationRecorded() as seen:
            entry = {seen.plan_id: (event.id, seen)}
            return state.model_copy(update={"observations": entry | state.observations})
        case ActionRefused() as refused:
            return state.model_copy(
                update={"refusals": {refused.plan_id: refused} | state.refusals}
            )
        case ActionApproved() as order:
            return state.model_copy(update={"orders": {order.plan_id: order} | state.orders})
        case ActionExecuted() as act:
            return state.model_copy(update={"executions": {act.plan_id: act} | state.executions})
        case JudgementVerified() as judged if state.judgement is None:
            update = {"judgement": judged.judgement}
            return state.model_copy(update=update).without_timer(JUDGEMENT)
    return state


def _record(state: CloserState, now: datetime) -> dict[str, object]:
    assert state.incident is not None  # noqa: S101 - the caller has checked
    last = state.submission
    replies = [reply for number in sorted(state.replies) for reply in state.replies[number]]
    outcome, source, reason = _outcome(state)
    return {
        "incident_id": state.key,
        "revision": 0,
        "task": state.incident.task,
        "title": state.incident.title,
        "symptoms": symptoms_of(state.incident),
        "namespace": state.incident.namespace,
        "steps": tuple(_step(state, plan) for plan in sorted(state.plans.values(), key=_order)),
        "submission": last.submission if last else None,
        "model_id": last.model_id if last else None,
        "guidance_ids": last.guidance_ids if last else (),
        "outcome": outcome,
        "source": source,
        "reason": reason,
        "judge": state.judgement.payload.judge if state.judgement else None,
        "trainable": bool(replies) and all(reply.sample is not None for reply in replies),
        "prompt_tokens": sum(reply.usage.prompt_tokens for reply in replies),
        "completion_tokens": sum(reply.usage.completion_tokens for reply in replies),
        "opened_at": state.incident.opened_at,
        "closed_at": now,
    }


def _order(plan: PlanProposed) -> tuple[int, bool]:
    """Steps stand by iteration; a submission that spent the last one stands behind it."""
    return plan.iteration, plan.kind is PlanKind.SUBMIT


def _step(state: CloserState, plan: PlanProposed) -> TrajectoryStep:
    seen = state.observations.get(plan.plan_id)
    refused = state.refusals.get(plan.plan_id)
    order = state.orders.get(plan.plan_id)
    act = state.executions.get(plan.plan_id)
    replies = state.replies.get(plan.iteration, ()) if plan.sample else ()
    return TrajectoryStep(
        iteration=plan.iteration,
        plan_id=plan.plan_id,
        kind=plan.kind,
        line=plan.line,
        summary=plan.summary,
        confidence=plan.confidence,
        samples=tuple(reply.sample for reply in replies if reply.sample),
        observation_id=seen[0] if seen else None,
        observation=seen[1].text if seen else None,
        refusal=f"{refused.refused_by}: {refused.reason}" if refused else _refusal(seen),
        approval_id=order.approval_id if order else refused.approval_id if refused else None,
        approved_by=tuple(d.payload.approver for d in order.decisions) if order else (),
        result=act.result if act else None,
        rolled_back=act.rolled_back if act else False,
    )


def _refusal(seen: tuple[EventId, ObservationRecorded] | None) -> str | None:
    return seen[1].refusal if seen else None


def _outcome(state: CloserState) -> tuple[Outcome, OutcomeSource, str]:
    """Apply the first rule that fits (`docs/outcomes.md`); a judge outranks every inference."""
    if state.judgement is not None:
        payload = state.judgement.payload
        return _judged(payload.judgement), OutcomeSource.JUDGE, payload.reason
    refused = [r for r in state.refusals.values() if r.refused_by is RefusedBy.PERSON]
    if refused:
        return Outcome.FAILURE, OutcomeSource.PERSON_REFUSED, refused[-1].message
    acts = list(state.executions.values())
    if any(act.rolled_back for act in acts):
        return Outcome.FAILURE, OutcomeSource.ROLLED_BACK, "the act made it worse"
    acted = any(act.result is ActResult.DONE for act in acts)
    if acted and state.incident is not None and state.incident.resolved_upstream:
        return Outcome.SUCCESS, OutcomeSource.ALERT_RESOLVED, "the alert resolved after the act"
    last = state.submission
    spent = {SubmitReason.STEPS_SPENT, SubmitReason.TIME_SPENT}
    if last is not None and last.submission is not None and last.submission.reason in spent:
        return Outcome.FAILURE, OutcomeSource.BUDGET, last.submission.reason
    return Outcome.UNKNOWN, OutcomeSource.NOBODY, "nobody judged it in time"


def _plain(record: TrajectoryRecord) -> TrajectoryRecord:
    return TrajectoryRecord.model_validate(dict(record))


def _judged(judgement: Judgement) -> Outcome:
    return Outcome.SUCCESS if judgement is Judgement.SUCCESS else Outcome.FAILURE


def _output(incident: IncidentId, fact: TrajectoryRecord, revision: str) -> Output:
    return Output(
        id=event_id(incident, type(fact).__name__, revision),
        key=incident,
        fact=fact,
        incident=incident,
    )
