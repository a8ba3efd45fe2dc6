"""The gate: from a plan of kind action to a signed order or a refusal with its reason.

    plan --parse, policy--> PREVIEWING --dry run, policy--> ASKED --decisions--> order | refusal
                                              |--policy allows unasked--> order (the gate's own key)

Invariant: no order leaves without a signature that the Executor will verify again; silence ends
in `expired`, never in approval. Every verdict is a link of the incident's audit chain,
whose signed head leaves in the same step.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, JsonValue

from agents.approval.audit import AuditChain, sign_head
from agents.approval.canonical import action_hash
from agents.approval.counting import why_not_counted
from agents.approval.signing import SigningKey, sign_decision
from agents.contracts.action import Preview
from agents.contracts.approval import (
    ActionApproved,
    ActionDecided,
    ActionRefused,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
    PreviewCompleted,
    PreviewRequested,
    RefusedBy,
)
from agents.contracts.audit import AuditKind, AuditRecorded, TimerFired
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId, IncidentId, derive, event_id
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanKind, PlanProposed
from agents.pending import GateState, Pending, Stage
from agents.policy.actions import command_of, read_act
from agents.policy.commands import words_of
from agents.policy.decide import Context, Policy, PreviewFacts, Ruling, Verdict
from agents.policy.refusal import ReasonCode, Refusal
from agents.policy.render import line_of
from agents.policy.risk import risk_of
from agents.policy.undo import undo_of
from agents.reducer import Output, Step
from agents.roles import Role
from agents.settings import GateSettings

PENDING, FORGET = "pending", "forget"
MARKER_KEPT = timedelta(days=7)
PROPOSER = "aoi/observer"
GATE_KEY = "gate"
EPOCH_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReducer:
    """The reducer of role `gate`. `key` is the gate's own."""

    settings: GateSettings
    policy: Policy
    key: SigningKey
    role: Role = Role.GATE
    state_type: type[GateState] = GateState

    def key_of(self, event: Event) -> str | None:
        """Return the incident of the events that this role reads."""
        match event.fact:
            case TimerFired():
                return event.key
            case PlanProposed() | PreviewCompleted() | DecisionVerified():
                return event.fact.incident_id
        return None

    def initial(self, key: str) -> GateState:
        """Return an incident that has asked for nothing."""
        return GateState(key=key)

    def advance(self, state: GateState, event: Event) -> Step[GateState]:
        """Apply one event."""
        fact, pending = event.fact, state.pending
        turn = _Turn(self, state, event)
        match fact:
            case TimerFired(name=name) if name == FORGET and pending is None:
                return Step(None)
            case TimerFired(name=name) if name == PENDING and pending is not None:
                by = RefusedBy.EXPIRY if pending.stage is Stage.ASKED else RefusedBy.PREVIEW
                return turn.refuse(pending.plan, by, "expired", "nobody answered in time")
            case PlanProposed() if fact.kind is PlanKind.ACTION and fact.plan_id not in state.plans:
                return turn.propose(fact)
            case PreviewCompleted() if pending and pending.waits(
                fact.approval_id, Stage.PREVIEWING
            ):
                return turn.previewed(pending, fact)
            case DecisionVerified() if state.plans:
                return turn.decided(pending, fact.decision)
        return Step(state)


class _Turn:
    """One call of `advance`: the state on its way, and the outputs so far."""

    def __init__(self, gate: GateReducer, state: GateState, event: Event) -> None:
        self.gate, self.state, self.event = gate, state, event
        self.incident = IncidentId(state.key)
        self.outputs: list[Output] = []

    def propose(self, plan: PlanProposed) -> Step[GateState]:
        self.state = self.state.model_copy(update={"plans": (*self.state.plans, plan.plan_id)})
        try:
            action = read_act(plan.line or "", plan.namespace)
            command_of(action)  # what has no line of its own can be neither shown nor ordered
        except Refusal as refusal:
            return self.refuse(plan, RefusedBy.POLICY, str(refusal.code), str(refusal))
        except Exception as error:  # noqa: BLE001 - a defect of ours refuses the line, the incident goes on
            message = f"the line could not be read: {error!r}"[:500]
            return self.refuse(plan, RefusedBy.POLICY, ReasonCode.POLICY_ERROR, message)
        verdict = self.gate.policy.decide(action, self._context(plan, None))
        if verdict.ruling is Ruling.DENY:
            return self.refuse(plan, RefusedBy.POLICY, verdict.reason, verdict.message)
        approval_id = ApprovalId(derive("approval", plan.plan_id))
        expires = self.event.time + timedelta(seconds=self.gate.settings.preview_seconds)
        pending = Pending(
            stage=Stage.PREVIEWING,
            approval_id=approval_id,
            plan=plan,
            action=action,
            expires=expires,
        )
        request = PreviewRequested(
            incident_id=self.incident,
            plan_id=plan.plan_id,
            approval_id=approval_id,
            action=action,
        )
        self._emit(request, approval_id)
        return self._step(pending, expires)

    def previewed(self, pending: Pending, fact: PreviewCompleted) -> Step[GateState]:
        plan = pending.plan
        if fact.preview is None:
            message = fact.error or "the dry run gave nothing"
            return self.refuse(plan, RefusedBy.PREVIEW, "dry-run-failed", message)
        policy = self.gate.policy
        context = self._context(plan, PreviewFacts.of(pending.action, fact.preview))
        verdict = policy.decide(pending.action, context)
        if verdict.ruling is Ruling.DENY:
            return self.refuse(plan, RefusedBy.POLICY, verdict.reason, verdict.message)
        undo = undo_of(policy, fact.preview.rollback, context)
        preview = fact.preview.model_copy(update={"rollback": undo.rollback})
        shown = pending.model_copy(
            update={
                "stage": Stage.ASKED,
                "preview": preview,
                "expires": self.event.time + timedelta(seconds=self.gate.settings.approval_seconds),
                "approvers_needed": policy.approvers_needed(
                    pending.action, undo.rollback, preview.touched
                ),
                "policy_version": policy.version,
            }
        )
        if verdict.allowed and undo.asks is None:
            own = sign_decision(self.gate.key, self._payload(shown))
            return self._order(shown, (own,))
        asks = undo.asks if undo.asks and (verdict.allowed or undo.denied) else verdict
        self._ask(shown, preview, asks)
        return self._step(shown, shown.expires)

    def decided(self, pending: Pending | None, decision: ActionDecided) -> Step[GateState]:
        payload = decision.payload
        problem = self._unfit(pending, decision)
        if problem or pending is None:
            self._audit_decision(AuditKind.DECISION_REJECTED, payload, problem or "not-pending")
            if pending is not None and problem == "policy-version" and self._outdated(pending):
                message = "the policy has changed since this was asked: propose it again"
                return self.refuse(pending.plan, RefusedBy.POLICY, "policy-changed", message)
            return Step(self.state, self._published())
        self._audit_decision(AuditKind.DECISION_ACCEPTED, payload)
        if payload.verdict is DecisionVerdict.REFUSE:
            message = f"refused by {payload.approver}"
            if decision.comment:
                message += f": {decision.comment[:200]}"
            return self.refuse(
                pending.plan, RefusedBy.PERSON, "refused", message, approver=payload.approver
            )
        decisions = (*pending.decisions, decision)
        if len(decisions) >= pending.approvers_needed:
            return self._order(pending, decisions)
        more = pending.model_copy(update={"decisions": decisions})
        self.state = self.state.model_copy(update={"pending": more})
        return Step(self.state, self._published())

    def refuse(
        self,
        plan: PlanProposed,
        by: RefusedBy,
        reason: str,
        message: str,
        *,
        approver: str | None = None,
    ) -> Step[GateState]:
        approval_id = ApprovalId(derive("approval", plan.plan_id))
        fact = ActionRefused(
            approval_id=approval_id,
            incident_id=self.incident,
            plan_id=plan.plan_id,
            iteration=plan.iteration,
            line=plan.line or "",
            refused_by=by,
            reason=reason,
            message=message,
            approver=approver,
        )
        self._emit(fact, approval_id)
        self._audit(AuditKind.ORDER_REFUSED, fact, {"refused_by": by, "reason": reason})
        return self._step(None, None)

    def _ask(self, pending: Pending, preview: Preview, asks: Verdict) -> None:
        settings, plan = self.gate.settings, pending.plan
        request = ApprovalRequested(
            approval_id=pending.approval_id,
            incident_id=self.incident,
            plan_id=plan.plan_id,
            action=pending.action,
            action_hash=action_hash(pending.action),
            order_hash=pending.bound_hash(),
            words=words_of(pending.action),
            line=line_of(command_of(pending.action)),
            preview=preview,
            risk=risk_of(pending.action, preview),
            evidence=plan.summary,
            confidence=plan.confidence,
            proposer=PROPOSER,
            severity=plan.severity,
            incident_namespace=plan.namespace,
            cluster=settings.cluster,
            policy_version=self.gate.policy.version,
            approvers_needed=pending.approvers_needed,
            reason=asks.reason,
            reason_message=asks.message,
            requested_at=self.event.time,
            expires=pending.expires,
        )
        self._emit(request, pending.approval_id, key=pending.approval_id)
        record: dict[str, JsonValue] = {"words": request.words, "reason": asks.reason}
        self._audit(AuditKind.APPROVAL_REQUESTED, request, record)

    def _order(self, pending: Pending, decisions: tuple[ActionDecided, ...]) -> Step[GateState]:
        assert pending.preview is not None  # noqa: S101 - stage ASKED has one
        order = ActionApproved(
            approval_id=pending.approval_id,
            incident_id=self.incident,
            plan_id=pending.plan.plan_id,
            iteration=pending.plan.iteration,
            action=pending.action,
            action_hash=action_hash(pending.action),
            line=line_of(command_of(pending.action)),
            touched=pending.preview.touched,
            rollback=pending.preview.rollback,
            pods_affected=pending.preview.pods_affected,
            incident_namespace=pending.plan.namespace,
            severity=pending.plan.severity,
            confidence=pending.plan.confidence,
            decisions=decisions,
            cluster=self.gate.settings.cluster,
            policy_version=self.gate.policy.version,
            expires=pending.expires,
        )
        self._emit(order, pending.approval_id)
        by: list[JsonValue] = [decision.payload.approver for decision in decisions]
        self._audit(AuditKind.ORDER_SIGNED, order, {"by": by, "line": order.line})
        self.state = self.state.model_copy(update={"orders": self.state.orders + 1})
        return self._step(None, None)

    def _unfit(self, pending: Pending | None, decision: ActionDecided) -> str | None:
        """Return why a verified decision does not decide the pending action, or None."""
        payload = decision.payload
        if pending is None or not pending.waits(payload.approval_id, Stage.ASKED):
            return "not-pending"
        return why_not_counted(
            payload,
            self._payload(pending),
            now=self.event.time,
            barred=(PROPOSER, GATE_KEY),
            before=(one.payload.approver for one in pending.decisions),
        )

    def _outdated(self, pending: Pending) -> bool:
        """Return whether the request was asked under a policy that no longer holds."""
        return pending.policy_version not in {"", self.gate.policy.version}

    def _context(self, plan: PlanProposed, facts: PreviewFacts | None) -> Context:
        settings = self.gate.settings
        return Context(
            incident_id=self.incident,
            incident_namespace=plan.namespace,
            managed=settings.managed_namespaces,
            own=settings.own_namespaces,
            protected=settings.protected_workloads,
            severity=plan.severity,
            confidence=plan.confidence,
            proposer=PROPOSER,
            freeze=settings.freeze,
            now=self.event.time,
            preview=facts,
            acts_this_incident=self.state.orders,
            max_acts_this_incident=settings.max_acts_per_incident,
            max_acts_this_hour=settings.max_acts_per_hour,
        )

    def _payload(self, pending: Pending) -> DecisionPayload:
        return DecisionPayload(
            approval_id=pending.approval_id,
            incident_id=self.incident,
            action_hash=action_hash(pending.action),
            order_hash=pending.bound_hash(),
            verdict=DecisionVerdict.APPROVE,
            approver=GATE_KEY,
            not_before=self.event.time,
            expires=pending.expires,
            cluster=self.gate.settings.cluster,
            policy_version=self.gate.policy.version,
        )

    def _emit(self, fact: Fact, part: str, *, key: str | None = None) -> None:
        kind = type(fact).__name__
        self.outputs.append(
            Output(
                id=event_id(self.incident, kind, part),
                key=key or self.incident,
                fact=fact,
                incident=self.incident,
            )
        )

    def _audit(self, kind: AuditKind, about: BaseModel, record: dict[str, JsonValue]) -> None:
        """Add a link to the incident's chain: the writer is this gate, for this incident.

        The event that begins a chain is in its name: an incident that was forgotten and comes back
        begins another one, and no two records share writer and number.
        """
        approval_id = str(getattr(about, "approval_id", ""))
        begun = self.state.chain
        epoch = derive("epoch", self.event.id)[:EPOCH_CHARS]
        writer = f"{GATE_KEY}/{self.incident}/{epoch}" if begun is None else begun.writer
        chain = AuditChain(writer, self.gate.key, begun)
        entry = chain.append(
            kind, self.incident, {"approval_id": approval_id, **record}, self.event.time
        )
        self.state = self.state.model_copy(update={"chain": entry})
        self._emit(entry, f"{writer}/{entry.index}", key=writer)

    def _audit_decision(
        self, kind: AuditKind, payload: DecisionPayload, reason: str | None = None
    ) -> None:
        """Add a link that says whose decision it was, which, and why it did not count."""
        record: dict[str, JsonValue] = {"verdict": payload.verdict, "approver": payload.approver}
        if reason is not None:
            record["reason"] = reason
        self._audit(kind, payload, record)

    def _published(self) -> tuple[Output, ...]:
        """Return the outputs of this turn, with the head of the chain where it went on."""
        if any(isinstance(output.fact, AuditRecorded) for output in self.outputs):
            assert self.state.chain is not None  # noqa: S101 - `_audit` set it
            head = sign_head(self.state.chain, self.gate.key, self.event.time)
            self._emit(head, f"{head.writer}/{head.index}", key=head.writer)
        return tuple(self.outputs)

    def _step(self, pending: Pending | None, due: datetime | None) -> Step[GateState]:
        state = self.state.model_copy(update={"pending": pending})
        if pending is not None and due is not None:
            state = state.with_timer(PENDING, due).without_timer(FORGET)
        else:
            state = state.without_timer(PENDING)
            state = state.with_timer(FORGET, self.event.time + MARKER_KEPT)
        return Step(state, self._published())
