"""One request on its way through verifier, gate and Executor, each step in the test's hands.

`Court.asked` is an open request of a whole pipeline; `answer` sends raw records as an outsider
would, through the verifier's guard to the gate; `execute` gives an order to an Executor.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agents.approval.keyring import KeyEntry, Keyring
from agents.approval.signing import SigningKey, sign_decision
from agents.contracts.approval import (
    ActionApproved,
    ActionDecided,
    ActionRefused,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
    PreviewCompleted,
)
from agents.contracts.audit import AuditKind, AuditRecorded, DeadLettered
from agents.contracts.envelope import Event
from agents.contracts.execution import ActionExecuted
from agents.contracts.model_base import Fact
from agents.executor.step import ExecutorWorker
from agents.gate import GateReducer
from agents.pending import GateState
from agents.reducer import reduce
from agents.roles import Role
from agents.verifier import VerifierWorker
from agents.worker import answered
from streams.codec import Received, Record, Source, decode, encode
from streams.guard import Guard
from streams.topics import ACTIONS_DECIDED, BY_NAME
from streams.wire import Outgoing, all_outgoing
from tests.builders import event
from tests.doubles.pipeline import KEYRING, PERSON, Pipeline, Script


@dataclass(slots=True, kw_only=True)
class Court:
    """A pipeline that has asked, and what the gate remembers of it."""

    pipeline: Pipeline
    asked: ApprovalRequested
    state: GateState
    keys: tuple[KeyEntry, ...] = KEYRING.keys
    told: list[Fact] = field(default_factory=list)

    @classmethod
    async def of(cls, script: Script, *, approvers: int = 1) -> "Court":
        """Run a pipeline until it has asked for `approvers` decisions."""
        pipeline = Pipeline(script=script, decide=None)
        await pipeline.run()
        asked = next(iter(pipeline.facts(ApprovalRequested)))
        assert isinstance(asked, ApprovalRequested)
        log, state = pipeline.driver.log, None
        plan = next(one for one in log if getattr(one.fact, "plan_id", "") == asked.plan_id)
        preview = next(one for one in log if isinstance(one.fact, PreviewCompleted))
        for happened in (plan, preview):
            state, _ = reduce(_gate(pipeline), state, asked.incident_id, happened)
        assert state is not None
        assert state.pending is not None
        pending = state.pending.model_copy(update={"approvers_needed": approvers})
        return cls(
            pipeline=pipeline, asked=asked, state=state.model_copy(update={"pending": pending})
        )

    def moved_to(self, moment: datetime) -> None:
        """Let the request be asked at another moment: no hash is about time."""
        by = moment - self.asked.requested_at
        self.asked = self.asked.model_copy(
            update={"requested_at": moment, "expires": self.asked.expires + by}
        )
        pending = self.state.pending
        if pending is None:  # decided already
            return
        later = pending.model_copy(update={"expires": pending.expires + by})
        self.state = self.state.model_copy(update={"pending": later})

    @property
    def now(self) -> datetime:
        """A moment at which the request is open."""
        return self.asked.requested_at + timedelta(seconds=30)

    def decision(
        self, key: SigningKey = PERSON, approver: str = "alice", /, **changes: object
    ) -> ActionDecided:
        """Return a signed decision about the request."""
        asked = self.asked
        fields: dict[str, object] = {
            "approval_id": asked.approval_id,
            "incident_id": asked.incident_id,
            "action_hash": asked.action_hash,
            "order_hash": asked.order_hash,
            "verdict": DecisionVerdict.APPROVE,
            "approver": approver,
            "not_before": asked.requested_at,
            "expires": asked.expires,
            "cluster": asked.cluster,
            "policy_version": asked.policy_version,
        }
        return sign_decision(key, DecisionPayload.model_validate(fields | changes))

    async def answer(self, decision: ActionDecided) -> str:
        """Send a decision; return `approved`, `refused`, `counted`, or why it did not count."""
        return await self.deliver(encode(event(decision, key="any")))

    async def deliver(self, record: Record) -> str:
        """Send a record to `actions.decided`; see `answer`."""
        received = Received(source=Source(ACTIONS_DECIDED.name, 0), offset=0, record=record)
        worker = VerifierWorker(Keyring(self.keys), clock=lambda: self.now)

        async def handle(happened: Event) -> tuple[Outgoing, ...]:
            outputs = await worker.handle(happened)
            return all_outgoing(answered(Role.VERIFIER, happened, outputs, self.now))

        guard = Guard(role=Role.VERIFIER, clock=lambda: self.now)
        (made,) = await guard.answer(received, handle)
        back = decode(
            Received(source=Source(made.topic, 0), offset=0, record=made.record),
            BY_NAME[made.topic].facts,
        )
        if isinstance(back.fact, DeadLettered):
            return back.fact.reason
        assert isinstance(back.fact, DecisionVerified)
        return self._judged(replace(back, time=self.now))

    def _judged(self, verified: Event) -> str:
        state, made = reduce(_gate(self.pipeline), self.state, self.asked.incident_id, verified)
        assert state is not None
        self.state = state
        facts = [one.fact for one in made]
        self.told += facts
        for fact in facts:
            match fact:
                case AuditRecorded(kind=AuditKind.DECISION_REJECTED):
                    return str(fact.record["reason"])
                case ActionApproved():
                    return "approved"
                case ActionRefused():
                    return "refused"
        return "counted"

    @property
    def order(self) -> ActionApproved:
        """The order that the gate has signed."""
        return next(one for one in self.told if isinstance(one, ActionApproved))

    def executor(
        self, writer: str = "executor/1", keyring: Keyring | None = None
    ) -> ExecutorWorker:
        """Return an Executor at the request's time."""
        return replace(
            self.pipeline.executor(writer),
            clock=lambda: self.now,
            keyring=keyring or Keyring(self.keys),
        )

    async def execute(self, order: ActionApproved, **changes: object) -> ActionExecuted:
        """Give an order to a fresh Executor; changes are made to it on the way."""
        return await self.executor().execute(order.model_copy(update=changes))


def _gate(pipeline: Pipeline) -> GateReducer:
    gate = next(one for one in pipeline.driver.reducers if isinstance(one, GateReducer))
    assert gate.role is Role.GATE
    return gate
