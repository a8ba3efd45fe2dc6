"""The whole pipeline in one process around a test's cluster, with an approver and a judge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey, sign_decision, sign_judgement
from agents.closer import CloserReducer
from agents.compressor.step import CompressorWorker
from agents.contracts.approval import (
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
)
from agents.contracts.envelope import Event
from agents.contracts.feedback import Judgement, JudgementPayload, JudgementVerified
from agents.contracts.ids import SampleRef
from agents.contracts.model import ModelReplied, ModelRequested
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanKind, PlanProposed
from agents.contracts.trajectory import TrajectoryRecord
from agents.correlator import CorrelatorReducer
from agents.driver import Clock, Driver
from agents.executor.step import ExecutorWorker
from agents.gate import GateReducer
from agents.incident import Current, ObserverReducer
from agents.policy.decide import Policy
from agents.preview.step import PreviewWorker
from agents.probe.step import ProbeWorker
from agents.settings import CloserSettings, CompressorSettings, GateSettings, ObserverSettings
from tests.builders import MODEL, T0, alert, event, grouped, replied
from tests.doubles.cluster import TestCluster
from tests.doubles.ledger import MemoryAudit, MemoryLedger

Script = Callable[[ModelRequested], str]
Decide = Callable[[ApprovalRequested], DecisionVerdict]
POLICY = Policy.load()
GATE, PERSON, JUDGE, SECOND = (SigningKey.generate() for _ in range(4))
PERSONS = {"alice": PERSON, "bob": SECOND}
KEYRING = Keyring(
    (
        GATE.entry("gate", Purpose.GATE, Purpose.AUDIT),
        *(key.entry(name, Purpose.APPROVE) for name, key in PERSONS.items()),
        JUDGE.entry("lab", Purpose.JUDGE),
    )
)
GATE_SETTINGS = GateSettings(managed_namespaces=("hotel-*",), cluster="test")


def approve(_: ApprovalRequested) -> DecisionVerdict:
    """Say yes to every request."""
    return DecisionVerdict.APPROVE


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """A driver with everything plugged in; `decide` None leaves requests unanswered."""

    script: Script
    decide: Decide | None = approve
    approvers: tuple[str, ...] = ("alice",)
    judgement: Judgement | None = Judgement.SUCCESS
    cluster: TestCluster = field(default_factory=TestCluster)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    settings: GateSettings = GATE_SETTINGS
    stored: dict[SampleRef, bytes] = field(default_factory=dict)
    driver: Driver = field(init=False)

    def __post_init__(self) -> None:
        clock = Clock(T0)
        self.driver = Driver(
            reducers=[
                CorrelatorReducer(),
                ObserverReducer(settings=ObserverSettings(), current=Current(model_id=MODEL)),
                GateReducer(settings=self.settings, policy=POLICY, key=GATE),
                CloserReducer(settings=CloserSettings()),
            ],
            workers=[
                ProbeWorker(
                    cluster=self.cluster,
                    save=self._save,
                    managed=self.settings.managed_namespaces,
                ),
                CompressorWorker(settings=CompressorSettings(), load=self._load),
                PreviewWorker(cluster=self.cluster),
                self.executor(),
            ],
            participants=[self._model, self._approver, self._judge],
            clock=clock,
        )

    def executor(self, writer: str = "executor/1") -> ExecutorWorker:
        """Return an executor over the shared ledger and cluster."""
        return ExecutorWorker(
            cluster=self.cluster,
            ledger=self.ledger,
            audit=self.audit,
            policy=POLICY,
            keyring=KEYRING,
            settings=self.settings,
            clock=self._now,
            writer=writer,
            settle_seconds=0.3,
        )

    def _now(self) -> datetime:
        return self.driver.clock()

    async def run(self) -> TrajectoryRecord:
        """Raise the alert and return the trajectory."""
        (closed,) = await self.driver.run([event(grouped(alert()))])
        return closed

    def facts(self, kind: type[Fact]) -> list[Fact]:
        """Return the facts of one type that were seen, in order."""
        return [one.fact for one in self.driver.log if isinstance(one.fact, kind)]

    async def _save(self, value: bytes) -> SampleRef:
        ref = SampleRef(f"stored-{len(self.stored)}")
        self.stored[ref] = value
        return ref

    async def _load(self, ref: SampleRef) -> bytes:
        return self.stored[ref]

    async def _model(self, happened: Event) -> Sequence[Event]:
        asked = happened.fact
        if not isinstance(asked, ModelRequested):
            return ()
        return (self._caused(happened, replied(asked, self.script(asked))),)

    async def _approver(self, happened: Event) -> Sequence[Event]:
        asked = happened.fact
        if not isinstance(asked, ApprovalRequested) or self.decide is None:
            return ()
        return tuple(self._decision(happened, asked, name) for name in self.approvers)

    def _decision(self, happened: Event, asked: ApprovalRequested, name: str) -> Event:
        assert self.decide is not None
        payload = DecisionPayload(
            approval_id=asked.approval_id,
            incident_id=asked.incident_id,
            action_hash=asked.action_hash,
            order_hash=asked.order_hash,
            verdict=self.decide(asked),
            approver=name,
            not_before=happened.time,
            expires=happened.time + timedelta(minutes=5),
            cluster=asked.cluster,
            policy_version=asked.policy_version,
        )
        decision = sign_decision(PERSONS[name], payload)
        verified = DecisionVerified(incident_id=asked.incident_id, decision=decision)
        return self._caused(happened, verified)

    async def _judge(self, happened: Event) -> Sequence[Event]:
        plan = happened.fact
        if not isinstance(plan, PlanProposed) or plan.kind is not PlanKind.SUBMIT:
            return ()
        if self.judgement is None:
            return ()
        payload = JudgementPayload(
            incident_id=plan.incident_id,
            plan_id=plan.plan_id,
            judgement=self.judgement,
            judge="lab",
            judged_at=happened.time,
        )
        judged = JudgementVerified(
            incident_id=plan.incident_id, judgement=sign_judgement(JUDGE, payload)
        )
        return (self._caused(happened, judged),)

    def _caused(
        self, cause: Event, fact: ModelReplied | DecisionVerified | JudgementVerified
    ) -> Event:
        made = event(fact, key=fact.incident_id)
        return Event(
            id=made.id,
            source="test",
            time=cause.time,
            key=fact.incident_id,
            fact=fact,
            incident=fact.incident_id,
            cause=cause.id,
        )
