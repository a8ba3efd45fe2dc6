"""One order: checked anew, written down, done at most once, verified, rolled back when worse.

    order -> known to the ledger? -> repeat its outcome, or say `unknown`
          -> signatures, policy, versions -> not_done
          -> audit -> intent (first?) -> act -> verify -> rollback? -> outcome -> report

Invariant: the cluster is touched only after the audit record and the intent were acknowledged and
the intent was read back as the first of its approval. An intent without an outcome is `unknown`:
it is reported and verified by reading, never repeated.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from pydantic import JsonValue

from agents.approval.keyring import Keyring
from agents.approval.verify import OrderRejected, check_order
from agents.contracts.approval import ActionApproved
from agents.contracts.audit import AuditKind
from agents.contracts.envelope import Event
from agents.contracts.execution import (
    ActIntended,
    ActionExecuted,
    ActResult,
    ActSettled,
    Verification,
)
from agents.contracts.ids import event_id
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from agents.environments.protocol import EnvironmentUnavailable, WriteHandle
from agents.executor.ledger import AuditTrail, Claim, Ledger
from agents.policy.decide import Context, Policy, PreviewFacts
from agents.policy.redact import redact
from agents.probe.step import telemetry_output
from agents.reducer import Output
from agents.roles import Role
from agents.settings import GateSettings
from agents.worker import Transient

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
NOT_DONE_EXIT = 1


@dataclass(slots=True, kw_only=True)
class ExecutorWorker:
    """The worker of role `executor`.

    writer names this instance. settle_seconds: how long another writer's intent may stay without
    an outcome before it counts as unknown; longer than any act.
    """

    cluster: WriteHandle
    ledger: Ledger
    audit: AuditTrail
    policy: Policy
    keyring: Keyring
    settings: GateSettings
    clock: Callable[[], datetime]
    writer: str
    proposer: str = "aoi/observer"
    settle_seconds: float = 150.0
    role: Role = field(default=Role.EXECUTOR, init=False)
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer an order with `ActionExecuted` and the telemetry of its outcome."""
        order = event.fact
        if not isinstance(order, ActionApproved):
            return ()
        executed = await self.execute(order)
        return (
            Output(
                id=event_id(order.incident_id, "ActionExecuted", order.approval_id),
                key=order.incident_id,
                fact=executed,
                incident=order.incident_id,
            ),
            telemetry_output(_told(order, executed)),
        )

    async def execute(self, order: ActionApproved) -> ActionExecuted:
        """Do an order at most once, ever. Raises Transient before the intent, never after it."""
        known = await self.ledger.find(order.approval_id)
        if known is not None:
            return await self._repeat(order, known)
        async with self._deciding:  # a rate is read and used up by one order at a time
            refusal = await self._refusal(order)
            if refusal is not None:
                await self.audit.record(
                    AuditKind.ACT_SETTLED, order.incident_id, _about(order, reason=refusal.reason)
                )
                return refusal
            await self.audit.record(AuditKind.ACT_INTENDED, order.incident_id, _about(order))
            intent = ActIntended(
                approval_id=order.approval_id,
                incident_id=order.incident_id,
                action_hash=order.action_hash,
                writer=self.writer,
                attempt=uuid4().hex,
            )
            claim = await self.ledger.intend(intent)
        if not claim.first:
            return await self._repeat(order, claim)
        if self._too_many(order):
            message = "another Executor used up the rate meanwhile"
            executed = _report(order, ActResult.NOT_DONE, reason="rate", message=message)
            await self._settle(intent, executed)
            return executed
        executed = await self._act(order)
        await self._settle(intent, executed)
        return executed

    async def _refusal(self, order: ActionApproved) -> ActionExecuted | None:
        """Return why the order may not be done now, or None."""
        now = self.clock()
        try:
            check_order(
                order,
                keyring=self.keyring,
                policy=self.policy,
                now=now,
                cluster=self.settings.cluster,
                context=self._context(order, now),
            )
            present = await self.cluster.versions(order.touched)
        except OrderRejected as error:
            return _report(order, ActResult.NOT_DONE, reason=str(error.code), message=str(error))
        except EnvironmentUnavailable as error:
            raise Transient(f"reading what {order.action.type} touches: {error}") from error
        if present != order.touched:
            pairs = zip(present, order.touched, strict=True)
            moved = [f"{is_.kind}/{is_.name}" for is_, was in pairs if is_ != was]
            message = f"changed since the dry run: {', '.join(moved)}; ask again"
            return _report(order, ActResult.NOT_DONE, reason="moved", message=message)
        return None

    def _context(self, order: ActionApproved, now: datetime) -> Context:
        settings = self.settings
        return Context(
            incident_id=order.incident_id,
            incident_namespace=order.incident_namespace,
            managed=settings.managed_namespaces,
            own=settings.own_namespaces,
            protected=settings.protected_workloads,
            severity=order.severity,
            confidence=order.confidence,
            proposer=self.proposer,
            freeze=settings.freeze,
            preview=PreviewFacts(pods_affected=order.pods_affected),
            acts_this_incident=self.ledger.acts_since(now - DAY, order.incident_id),
            acts_this_hour=self.ledger.acts_since(now - HOUR),
            max_acts_this_incident=settings.max_acts_per_incident,
            max_acts_this_hour=settings.max_acts_per_hour,
        )

    def _too_many(self, order: ActionApproved) -> bool:
        """Return whether the ledger, this intent included, holds more acts than allowed."""
        now, settings = self.clock(), self.settings
        of_incident = self.ledger.acts_since(now - DAY, order.incident_id)
        of_all = self.ledger.acts_since(now - HOUR)
        return of_incident > settings.max_acts_per_incident or of_all > settings.max_acts_per_hour

    async def _act(self, order: ActionApproved) -> ActionExecuted:
        """Act once, verify, and undo what made a healthy state unhealthy."""
        try:
            healthy_before, _ = await self.cluster.verify(order.action)
        except EnvironmentUnavailable as error:
            return _report(order, ActResult.NOT_DONE, reason="unreachable", message=str(error))
        try:
            output = await self.cluster.act(order.action)
        except EnvironmentUnavailable as error:
            return _report(order, ActResult.UNKNOWN, reason="no-answer", message=str(error))
        if output.exit_code != 0:
            return _report(order, ActResult.FAILED, reason="command-failed", message=output.text)
        verification = await self._verified(order)
        if verification is None or verification.healthy or not healthy_before:
            return _report(order, ActResult.DONE, message=output.text, verification=verification)
        undone = await self._rolled_back(order)
        return _report(
            order,
            ActResult.DONE,
            reason="worse",
            message=output.text,
            verification=verification,
            rolled_back=undone,
        )

    async def _verified(self, order: ActionApproved) -> Verification | None:
        try:
            healthy, detail = await self.cluster.verify(order.action)
        except EnvironmentUnavailable as error:
            return Verification(healthy=False, detail=f"could not be read: {error}")
        return Verification(healthy=healthy, detail=redact(detail).text)

    async def _rolled_back(self, order: ActionApproved) -> bool:
        if order.rollback is None:
            return False
        try:
            output = await self.cluster.act(order.rollback)
        except EnvironmentUnavailable:
            return False
        return output.exit_code == 0

    async def _repeat(self, order: ActionApproved, claim: Claim) -> ActionExecuted:
        """Return the outcome of an intent that stands already; never act on it."""
        waited = 0.0
        while claim.settled is None and waited < self.settle_seconds:
            await asyncio.sleep(0.25)
            waited += 0.25
            claim = await self.ledger.find(order.approval_id) or claim
        if claim.settled is not None:
            return claim.settled.executed
        verification = await self._verified(order)
        unknown = _report(
            order,
            ActResult.UNKNOWN,
            reason="interrupted",
            message="the Executor stopped between intent and outcome; read the cluster",
            verification=verification,
        )
        intent = ActIntended(
            approval_id=order.approval_id,
            incident_id=order.incident_id,
            action_hash=order.action_hash,
            writer=self.writer,
            attempt="",
        )
        await self._settle(intent, unknown)
        return unknown

    async def _settle(self, intent: ActIntended, executed: ActionExecuted) -> None:
        await self.ledger.settle(
            ActSettled(
                approval_id=intent.approval_id,
                incident_id=intent.incident_id,
                action_hash=intent.action_hash,
                writer=intent.writer,
                attempt=intent.attempt,
                result=executed.result,
                reason=executed.reason,
                rolled_back=executed.rolled_back,
                executed=executed,
            )
        )
        await self.audit.record(
            AuditKind.ACT_SETTLED,
            intent.incident_id,
            {
                "approval_id": intent.approval_id,
                "result": executed.result,
                "reason": executed.reason,
            },
        )


def _report(
    order: ActionApproved,
    result: ActResult,
    *,
    reason: str = "",
    message: str = "",
    verification: Verification | None = None,
    rolled_back: bool = False,
) -> ActionExecuted:
    return ActionExecuted(
        approval_id=order.approval_id,
        incident_id=order.incident_id,
        plan_id=order.plan_id,
        iteration=order.iteration,
        action=order.action,
        result=result,
        reason=reason,
        message=redact(message).text.strip()[:2000],
        verification=verification,
        rolled_back=rolled_back,
    )


def _told(order: ActionApproved, executed: ActionExecuted) -> TelemetryCollected:
    """Return the outcome as text for the Observer: the command's words, then the check's."""
    words = [executed.message] if executed.message else []
    if executed.result is not ActResult.DONE:
        words.append(f"{executed.result}: {executed.reason}")
    if executed.verification is not None:
        words.append(f"check: {executed.verification.detail}")
    if executed.rolled_back:
        words.append("rolled back: the state was worse after the act")
    return TelemetryCollected(
        incident_id=order.incident_id,
        plan_id=order.plan_id,
        iteration=order.iteration,
        kind=TelemetryKind.ACT,
        line=order.line,
        exit_code=0 if executed.result is ActResult.DONE else NOT_DONE_EXIT,
        output="\n".join(words),
    )


def _about(order: ActionApproved, **more: str) -> dict[str, JsonValue]:
    return {
        "approval_id": order.approval_id,
        "action_hash": order.action_hash,
        "line": order.line,
        **more,
    }
