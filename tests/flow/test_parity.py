"""The same incident through the in-process driver and through Kafka gives the same trajectory."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.alert import AlertGrouped
from agents.contracts.approval import ApprovalRequested, DecisionVerdict
from agents.contracts.command import Command
from agents.contracts.envelope import Event
from agents.contracts.feedback import Judgement
from agents.contracts.incident import Task
from agents.contracts.model import ModelRequested
from agents.contracts.plan import PlanKind, PlanProposed
from agents.contracts.trajectory import TrajectoryRecord
from agents.environments.protocol import Output
from agents.environments.simulated.handles import (
    SimulatedPreview,
    SimulatedRead,
    SimulatedWrite,
)
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.settings import GateSettings
from deploy.embedded.stack import APPROVER_RULES
from streams.approvals import rules
from streams.topics import ALERTS_GROUPED
from tests.doubles.endpoint import scale_up
from tests.doubles.pipeline import Pipeline
from tests.flow.stacks import pipeline, until_closed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
SEED, INCIDENTS = 5, 3


@dataclass(slots=True)
class LabCluster:
    """One lab behind all three handles, for the in-process pipeline."""

    lab: Lab

    async def read(self, command: Command) -> Output:
        return await SimulatedRead(self.lab).read(command)

    async def preview(self, action: Action) -> Preview:
        return await SimulatedPreview(self.lab).preview(action)

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        return await SimulatedWrite(self.lab).act(action, touched)

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        return await SimulatedWrite(self.lab).versions(touched)

    async def verify(self, action: Action) -> tuple[bool, str]:
        return await SimulatedWrite(self.lab).verify(action)


class InProcess(Pipeline):
    """The pipeline of the unit tests around a lab, with the demo's approver and the lab's judge."""

    async def _judge(self, happened: Event) -> Sequence[Event]:
        plan = happened.fact
        if isinstance(plan, PlanProposed) and plan.kind is PlanKind.SUBMIT and plan.submission:
            assert isinstance(self.cluster, LabCluster)
            success = self.cluster.lab.judge(plan.submission).success
            self.judgement = Judgement.SUCCESS if success else Judgement.FAILURE
        return await super()._judge(happened)


async def in_process(lab: Lab, alerts: list[Event]) -> TrajectoryRecord:
    """Run the incident that these alerts open, in this process."""
    book = rules.load(APPROVER_RULES)

    def decide(request: ApprovalRequested) -> DecisionVerdict:
        answer = rules.judge(book, request)
        assert answer is not None
        return answer.verdict

    def script(asked: ModelRequested) -> str:
        return scale_up(asked.messages[-1].content)

    run = InProcess(
        script=script,
        decide=decide,
        cluster=LabCluster(lab),  # type: ignore[arg-type]  # the same handles
        settings=GateSettings(managed_namespaces=(lab.namespace,)),
    )
    (closed,) = await run.driver.run(alerts[:1])
    return closed


def told(trajectory: TrajectoryRecord) -> dict[str, object]:
    """Return a trajectory without its ids, times, and the names of who approved and judged."""
    steps = [
        step.model_dump(
            include={
                "iteration",
                "kind",
                "line",
                "summary",
                "confidence",
                "observation",
                "refusal",
                "result",
                "rolled_back",
            }
        )
        for step in trajectory.steps
    ]
    submission = trajectory.submission
    return {
        "steps": steps,
        "answer": submission.answer if submission else None,
        "reason": submission.reason if submission else None,
        "outcome": trajectory.outcome,
        "task": trajectory.task,
        "title": trajectory.title,
    }


async def test_both_drivers_tell_the_same_story() -> None:
    async with pipeline(incidents=INCIDENTS, seed=SEED) as (stack, seen):
        await until_closed(stack, seen, incidents=INCIDENTS, seconds=90)
        over_kafka = {one.namespace: one for one in seen.closed(stack.namespaces)}
        for number in range(INCIDENTS):
            scenario = generate(
                SEED * 1000 + number,
                family="scaled_to_zero",
                task=Task.MITIGATION,
                application=("hotel", "procedural")[number % 2],
            )
            lab = Lab(scenario)
            alerts = [
                event
                for event in seen.of(ALERTS_GROUPED)
                if isinstance(event.fact, AlertGrouped)
                and event.fact.alert.labels["namespace"] == lab.namespace
            ]
            alone = await in_process(lab, alerts)
            assert told(alone) == told(over_kafka[lab.namespace])
            assert any(step.kind is PlanKind.ACTION for step in alone.steps)
