"""One order: checked anew, written down, done at most once, verified, rolled back when worse.

    order -> known to the ledger? -> repeat its outcome, or say `unknown`
          -> circuit, signatures, versions, own dry run, policy on it -> not_done
          -> audit -> intent (first?) -> still so? -> act -> verify -> rollback? -> outcome

Invariant: the cluster is touched only after the audit record and the intent were acknowledged, the
intent was read back as the first of its approval, and what was checked before it still holds. An
intent without an outcome is `unknown`: it is reported and verified by reading, never repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from agents.approval.keyring import Keyring, KeyringInvalid
from agents.approval.verify import OrderRejected, check_order, check_signed
from agents.contracts.action import Preview
from agents.contracts.approval import ActionApproved
from agents.contracts.audit import AuditKind
from agents.contracts.envelope import Event
from agents.contracts.execution import (
    ActIntended,
    ActionExecuted,
    ActResult,
)
from agents.contracts.ids import IncidentId, event_id
from agents.environments.protocol import (
    ActionRejected,
    EnvironmentUnavailable,
    ObjectMoved,
    WriteHandle,
)
from agents.executor.breaker import Breaker, is_bad
from agents.executor.dryrun import dry_run, still_so
from agents.executor.ledger import GIVEN_UP, AuditTrail, Claim, Ledger
from agents.executor.look import look, look_or_tell, unread
from agents.executor.report import UNVERIFIED, about, report, settled, told
from agents.policy.decide import Context, Policy, PreviewFacts, Ruling
from agents.policy.limits import stricter
from agents.probe.step import telemetry_output
from agents.reducer import Output
from agents.roles import Role
from agents.settings import GateSettings
from agents.worker import Transient

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
ASK_SECONDS = 0.25

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class ExecutorWorker:
    """The worker of role `executor`.

    writer names this instance. settle_seconds: how long another writer's intent may stay without
    an outcome before it counts as unknown; longer than any act, which begins in its first half.
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
    breaker: Breaker = field(default_factory=Breaker)
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    role: Role = field(default=Role.EXECUTOR, init=False)
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _circuit_told: bool = field(default=False, init=False)

    @property
    def circuit_opened_at(self) -> datetime | None:
        """When the circuit breaker opened; None while it is closed."""
        return self.breaker.opened_at(self.ledger.failures())

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
            telemetry_output(told(order, executed)),
        )

    async def execute(self, order: ActionApproved) -> ActionExecuted:
        """Do an order at most once, ever. Raises Transient before the intent, never after it."""
        known = await self.ledger.find(order.approval_id)
        if known is not None:
            return await self._repeat(order, known)
        async with self._deciding:  # a rate is read and used up by one order at a time
            shown = await self._decided(order)
            if isinstance(shown, ActionExecuted):
                await self.audit.record(
                    AuditKind.ACT_SETTLED, order.incident_id, about(order, reason=shown.reason)
                )
                return shown
            await self.audit.record(AuditKind.ACT_INTENDED, order.incident_id, about(order))
            intent = ActIntended(
                approval_id=order.approval_id,
                incident_id=order.incident_id,
                action_hash=order.action_hash,
                writer=self.writer,
                attempt=uuid4().hex,
            )
            lease = self.clock() + timedelta(seconds=self.settle_seconds / 2)
            claim = await self.ledger.intend(intent)
        if not claim.first:
            return await self._repeat(order, claim)
        executed = await self._overtaken(order) or await self._act(order, lease, shown)
        await self._settle(intent, executed)
        return executed

    async def _decided(self, order: ActionApproved) -> Preview | ActionExecuted:
        """Return the dry run of an order that may be done now, or why it may not."""
        now = self.clock()
        opened = self.circuit_opened_at
        await self._tell_circuit(order.incident_id, opened)
        if opened is not None:
            return self._stopped(order, opened)
        try:
            self.keyring.reload_if_changed()  # a revocation counts at once
        except KeyringInvalid as error:
            raise Transient(f"the keyring can't be trusted, mend it: {error}") from error
        try:
            return await self._checked(order, now)
        except OrderRejected as error:
            return report(order, ActResult.NOT_DONE, reason=str(error.code), message=str(error))
        except ActionRejected as error:
            return report(order, ActResult.NOT_DONE, reason="dry-run-failed", message=str(error))
        except EnvironmentUnavailable as error:
            raise Transient(f"reading what {order.action.type} touches: {error}") from error

    async def _checked(self, order: ActionApproved, now: datetime) -> Preview | ActionExecuted:
        """Return the dry run that an order was decided on, or that it moved. Raises as checks do.

        Its facts are those of a dry run of our own: what the gate was told is not believed.
        """
        keyring, policy, cluster = self.keyring, self.policy, self.settings.cluster
        check_signed(order, keyring=keyring, policy=policy, now=now, cluster=cluster)
        if (moved := await self._moved(order)) is not None:
            return moved
        shown = await dry_run(self.cluster, order.action)
        context = self._context(order, now, PreviewFacts.of(order.action, shown))
        check_order(
            order,
            keyring=keyring,
            policy=policy,
            now=now,
            cluster=cluster,
            context=context,
            shown=shown,
        )
        return shown

    async def _moved(self, order: ActionApproved) -> ActionExecuted | None:
        present = await self.cluster.versions(order.touched)
        if present == order.touched:
            return None
        pairs = zip(present, order.touched, strict=True)
        moved = [f"{is_.kind}/{is_.name}" for is_, was in pairs if is_ != was]
        message = f"changed since the dry run: {', '.join(moved)}; ask again"
        return report(order, ActResult.NOT_DONE, reason="moved", message=message)

    async def _overtaken(self, order: ActionApproved) -> ActionExecuted | None:
        """Return why what held before the intent holds no more, or None: time has passed since.

        This process may have been frozen behind its intent for any time.
        """
        try:
            known = await self.ledger.find(order.approval_id)
        except Transient:
            message = "the ledger could not be read again before the act"
            return report(order, ActResult.NOT_DONE, reason="ledger", message=message)
        if known is not None and known.settled is not None:  # another has given it up meanwhile
            message = f"given up by {known.settled.writer} before it was done"
            return report(order, ActResult.NOT_DONE, reason="given-up", message=message)
        if order.policy_version != self.policy.version:
            message = "the policy changed between the order's check and the act; ask again"
            return report(order, ActResult.NOT_DONE, reason="policy-changed", message=message)
        if self._too_many(order):
            message = "another Executor used up the rate meanwhile"
            return report(order, ActResult.NOT_DONE, reason="rate", message=message)
        if (opened := self.circuit_opened_at) is not None:
            return self._stopped(order, opened)
        try:
            moved = await self._moved(order)
        except EnvironmentUnavailable as error:
            return report(order, ActResult.NOT_DONE, reason="unreachable", message=str(error))
        if moved is None and self.clock() >= order.expires:
            message = f"expired at {order.expires} before it was done"
            return report(order, ActResult.NOT_DONE, reason="expired", message=message)
        return moved

    def _stopped(self, order: ActionApproved, opened: datetime) -> ActionExecuted:
        message = (
            f"{self.breaker.limit} acts failed or were undone within {self.breaker.window}: "
            f"nothing is done since {opened:%Y-%m-%d %H:%M:%S %Z}, until `aoi executor resume`"
        )
        return report(order, ActResult.NOT_DONE, reason="circuit-open", message=message)

    async def _tell_circuit(self, incident_id: IncidentId, opened: datetime | None) -> None:
        """Write to the audit, once an opening, that the circuit breaker stops every act."""
        if opened is not None and not self._circuit_told:
            log.error("circuit open", opened_at=str(opened), limit=self.breaker.limit)
            seconds = self.breaker.window.total_seconds()
            await self.audit.record(
                AuditKind.CIRCUIT_OPENED,
                incident_id,
                {
                    "opened_at": opened.isoformat(),
                    "limit": self.breaker.limit,
                    "window_seconds": seconds,
                },
            )
        self._circuit_told = opened is not None

    def _context(
        self, order: ActionApproved, now: datetime, shown: PreviewFacts, *, begun: int = 0
    ) -> Context:
        """Return our own circumstances. begun: how many acts in the ledger are this order's own."""
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
            now=now,
            preview=shown,
            acts_this_incident=self.ledger.acts_since(now - DAY, order.incident_id) - begun,
            acts_this_hour=self.ledger.acts_since(now - HOUR) - begun,
            max_acts_this_incident=settings.max_acts_per_incident,
            max_acts_this_hour=settings.max_acts_per_hour,
        )

    def _too_many(self, order: ActionApproved) -> bool:
        """Return whether the ledger, this intent included, holds more acts than allowed."""
        now, settings, rates = self.clock(), self.settings, self.policy.rules.limits.rates
        of_incident = self.ledger.acts_since(now - DAY, order.incident_id)
        of_all = self.ledger.acts_since(now - HOUR)
        return of_incident > stricter(
            settings.max_acts_per_incident, rates.acts_per_incident
        ) or of_all > stricter(settings.max_acts_per_hour, rates.acts_per_hour)

    async def _act(self, order: ActionApproved, lease: datetime, shown: Preview) -> ActionExecuted:
        """Act once, verify, and undo what made a healthy state unhealthy.

        lease: until when no other can have given the intent up, whatever became of this process.
        shown: the dry run that the order was decided on.
        """
        try:
            healthy_before, _ = await self.cluster.verify(order.action)  # takes its time
            present = await dry_run(self.cluster, order.action)
        except ActionRejected as error:
            return report(order, ActResult.NOT_DONE, reason="dry-run-failed", message=str(error))
        except EnvironmentUnavailable as error:
            return report(order, ActResult.NOT_DONE, reason="unreachable", message=str(error))
        if not still_so(shown, present):
            message = "changed while its health was read; ask again"
            return report(order, ActResult.NOT_DONE, reason="moved", message=message)
        if self.clock() >= lease:
            message = "this Executor stood still between intent and act; ask again"
            return report(order, ActResult.NOT_DONE, reason="overtaken", message=message)
        try:
            output = await self.cluster.act(order.action, present.touched)
        except ObjectMoved as error:
            return report(order, ActResult.NOT_DONE, reason="moved", message=str(error))
        except EnvironmentUnavailable as error:
            return report(order, ActResult.UNKNOWN, reason="no-answer", message=str(error))
        if output.exit_code != 0:
            return report(order, ActResult.FAILED, reason="command-failed", message=output.text)
        try:
            verification = await look(self.cluster, order.action, self.wait)
        except EnvironmentUnavailable as error:  # nothing shows that it is worse: no rollback
            return report(
                order,
                ActResult.DONE,
                reason=UNVERIFIED,
                message=output.text,
                verification=unread(error),
            )
        if verification.healthy or not healthy_before:
            return report(order, ActResult.DONE, message=output.text, verification=verification)
        rolled_back, reason, words = await self._rolled_back(order, shown)
        return report(
            order,
            ActResult.DONE,
            reason=reason,
            message="\n".join(part for part in (output.text, words) if part),
            verification=verification,
            rolled_back=rolled_back,
        )

    async def _rolled_back(self, order: ActionApproved, shown: Preview) -> tuple[bool, str, str]:
        """Undo an act once; return whether it was undone, the reason code, and words for people.

        Policy is asked again: the act and its check took time, and a freeze may have begun.
        """
        if order.rollback is None:
            return False, "worse", "nothing undoes this act"
        facts = PreviewFacts.of(order.action, shown).undone()
        context = self._context(order, self.clock(), facts, begun=1)
        verdict = self.policy.decide(order.rollback, context)
        if verdict.ruling is Ruling.DENY:
            return False, "rollback-denied", f"the rollback is denied: {verdict.message}"
        try:
            output = await self.cluster.act(order.rollback)
        except EnvironmentUnavailable as error:
            return False, "rollback-unknown", f"the rollback was not answered: {error}"
        if output.exit_code != 0:
            return False, "rollback-failed", f"the rollback failed: {output.text}"
        after = await look_or_tell(self.cluster, order.action, self.wait)
        reason = "worse" if after.healthy else "rollback-unhealthy"
        return True, reason, f"after the rollback: {after.detail}"

    async def _repeat(self, order: ActionApproved, claim: Claim) -> ActionExecuted:
        """Return the outcome of an intent that stands already; never act on it."""
        begun, waited = self.clock(), timedelta()
        patience = timedelta(seconds=self.settle_seconds)
        while claim.settled is None and max(waited, self.clock() - begun) < patience:
            await self.wait(ASK_SECONDS)
            waited += timedelta(seconds=ASK_SECONDS)
            claim = await self.ledger.find(order.approval_id) or claim
        if claim.settled is not None:
            return claim.settled.executed
        verification = await look_or_tell(self.cluster, order.action, self.wait)
        claim = await self.ledger.find(order.approval_id) or claim
        if claim.settled is not None:  # its writer, or another heir, came first
            return claim.settled.executed
        unknown = report(
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
            attempt=GIVEN_UP,
        )
        await self._settle(intent, unknown)
        return unknown

    async def _settle(self, intent: ActIntended, executed: ActionExecuted) -> None:
        entry, before, now = settled(intent, executed), self.ledger.failures(), self.clock()
        await self.ledger.settle(entry)
        await self.audit.record(
            AuditKind.ACT_SETTLED,
            intent.incident_id,
            {
                "approval_id": intent.approval_id,
                "result": executed.result,
                "reason": executed.reason,
            },
        )
        if is_bad(entry):  # the ledger's own view may not have come so far yet
            await self._tell_circuit(intent.incident_id, self.breaker.opened_at((*before, now)))
