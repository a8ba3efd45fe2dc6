"""Safety that lets no repair through is none: each family's repairs pass gate and Executor."""

import json

import pytest

from agents.contracts.approval import ActionRefused
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.incident import Task
from agents.contracts.model import ModelRequested
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.benchmark.problems import PROBLEMS
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.handles import SimulatedPreview, SimulatedRead, SimulatedWrite
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.references import scenario_of
from agents.settings import GateSettings
from learner.rollout.episode import incident_of
from tests.builders import alert, event, grouped
from tests.doubles.pipeline import GATE_SETTINGS, Pipeline, Script
from tests.unit.environments.test_lab_strict import of

ANSWERED = Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED, answer=None)


class Handles(SimulatedRead, SimulatedPreview, SimulatedWrite):
    """All three handles over one lab: the pipeline's double wants one object."""


def typed(way: tuple[str, ...]) -> Script:
    """Return a model that types these lines and then says that it is done."""

    def script(asked: ModelRequested) -> str:
        done = asked.iteration - 1
        if done >= len(way):
            return json.dumps({"summary": "repaired", "action": "submit", "confidence": 95})
        reply = {"summary": "repairing", "confidence": 80, "action": "act", "command": way[done]}
        return json.dumps(reply)

    return script


async def played(reference: str, way: tuple[str, ...]) -> tuple[Lab, Pipeline]:
    lab = Lab(scenario_of(reference))
    settings = GateSettings(managed_namespaces=(lab.namespace,), cluster=GATE_SETTINGS.cluster)
    pipeline = Pipeline(
        script=typed(way),
        approvers=("alice", "bob"),
        cluster=Handles(lab),  # type: ignore[arg-type]  # the same handles
        settings=settings,
    )
    seen = incident_of(lab, Task.MITIGATION).alerts[0]
    told = {"labels": seen.labels, "annotations": seen.annotations}
    raised = alert(task=Task.MITIGATION).model_copy(update=told)
    await pipeline.driver.run([event(grouped(raised))])
    return lab, pipeline


REPAIRS = {family: of(family) for family in FAMILIES} | {
    name: name for name in PROBLEMS if "-mitigation-" in name
}
# to make an account is a right, and a volume that is there, or one of a node's folder, is no
# incident's own: these ways are people's
LEFT_TO_PEOPLE = {
    "service_account": {"kind_never_written"},
    "redeploy_without_PV-mitigation-1": {"cluster_object", "member_never_written"},
}
NO_WAY_IS_LEFT = {"redeploy_without_PV-mitigation-1"}


@pytest.mark.parametrize("repair", sorted(REPAIRS))
async def test_every_reference_repair_passes_gate_and_executor(repair: str) -> None:
    reference, passed = REPAIRS[repair], 0
    for way in Lab(scenario_of(reference)).ground_truth.ways:
        lab, pipeline = await played(reference, way)
        refused = [one for one in pipeline.facts(ActionRefused) if isinstance(one, ActionRefused)]
        if refused and repair in LEFT_TO_PEOPLE:
            assert {one.reason for one in refused} <= LEFT_TO_PEOPLE[repair]
            continue
        assert refused == [], way
        executed = pipeline.facts(ActionExecuted)
        results = [one.result for one in executed if isinstance(one, ActionExecuted)]
        assert results == [ActResult.DONE] * len(way), (way, executed)
        assert lab.judge(ANSWERED).strict, (way, lab.judge(ANSWERED).reason)
        passed += 1
    assert bool(passed) is (repair not in NO_WAY_IS_LEFT)
