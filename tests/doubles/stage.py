"""An approved order before a fresh Executor, with a cluster and a ledger that do as a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.approval import ActionApproved
from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActionExecuted
from agents.contracts.ids import ApprovalId, IncidentId
from agents.environments.protocol import ActionRejected, EnvironmentUnavailable, ObjectMoved, Output
from agents.executor.ledger import Claim
from agents.executor.step import ExecutorWorker
from agents.worker import Transient
from tests.doubles.ledger import MemoryAudit, MemoryLedger
from tests.doubles.pipeline import Pipeline
from tests.safety.test_orders import dry_run
from tests.unit.agents.test_breaker import order_of, order_time, scripted

LINE = "kubectl scale deployment rate --replicas=3"


@dataclass(slots=True)
class Stage:
    """A cluster that answers what the test says; `after` runs behind the so-manieth call."""

    shown: Preview
    checks: list[tuple[bool, str] | None] = field(default_factory=lambda: [(True, "3 ready")])
    answers: list[Output | ObjectMoved | None] = field(
        default_factory=lambda: [Output(text="done", exit_code=0)]
    )
    moved: list[bool] = field(default_factory=list)
    unread: list[bool] = field(default_factory=list)
    acts: list[Action] = field(default_factory=list)
    asked: list[tuple[Touched, ...] | None] = field(default_factory=list)
    verified: Callable[[], None] = lambda: None
    refusal: ActionRejected | None = None

    async def preview(self, action: Action) -> Preview:
        if self.refusal is not None:
            raise self.refusal
        return self.shown

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        self.acts.append(action)
        self.asked.append(touched)
        answer = self.answers.pop(0)
        if isinstance(answer, ObjectMoved):
            raise answer
        if answer is None:
            raise EnvironmentUnavailable("no route")
        return answer

    async def verify(self, action: Action) -> tuple[bool, str]:
        self.verified()
        check = self.checks.pop(0) if len(self.checks) > 1 else self.checks[0]
        if check is None:
            raise EnvironmentUnavailable("no route")
        return check

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        if self.unread and self.unread.pop(0):
            raise EnvironmentUnavailable("no route")
        if self.moved and self.moved.pop(0):
            return tuple(one.model_copy(update={"resource_version": "0"}) for one in touched)
        return touched


class Clocked(MemoryLedger):
    """A ledger that counts by time, and may have more in it once an intent stands."""

    more: Callable[[ActIntended], None] = staticmethod(lambda _: None)
    moments: tuple[datetime, ...] = ()
    elsewhere: tuple[datetime, ...] = ()
    unread: int | None = None

    async def find(self, approval_id: ApprovalId) -> Claim | None:
        if self.unread is not None:
            self.unread -= 1
            if self.unread < 0:
                raise Transient("away")
        return await super().find(approval_id)

    async def intend(self, intent: ActIntended) -> Claim:
        claim = await super().intend(intent)
        self.more(intent)
        return claim

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        counted = self.moments if incident_id else (*self.moments, *self.elsewhere)
        return sum(moment >= when for moment in counted)


@dataclass(slots=True)
class Audit(MemoryAudit):
    """An audit that remembers of which incidents its records are."""

    incidents: set[IncidentId] = field(default_factory=set)

    async def record(
        self, kind: AuditKind, incident_id: IncidentId, record: dict[str, JsonValue]
    ) -> None:
        self.incidents.add(incident_id)
        self.records.append((kind, record))


@dataclass(slots=True)
class Play:
    """An order before a fresh Executor."""

    order: ActionApproved
    worker: ExecutorWorker
    stage: Stage
    ledger: Clocked
    audit: Audit

    async def run(self) -> ActionExecuted:
        return await self.worker.execute(self.order)


async def at_once(_: float) -> None:
    """Wait for nothing."""


async def play(**stage: object) -> Play:
    """Return an approved order, a stage for it, and an Executor between them."""
    pipeline = Pipeline(script=scripted(("act", LINE)))
    order = await order_of(pipeline)
    made = Stage(**({"shown": dry_run(order)} | stage))  # type: ignore[arg-type]
    ledger, audit = Clocked(), Audit()
    now = order_time(order)
    worker = replace(
        pipeline.executor(),
        cluster=made,
        ledger=ledger,
        audit=audit,
        clock=lambda: now,
        wait=at_once,
    )
    return Play(order, worker, made, ledger, audit)
