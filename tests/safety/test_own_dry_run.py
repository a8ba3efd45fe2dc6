"""The Executor believes no dry run but its own: what a stolen preview login says leads nowhere."""

from dataclasses import dataclass, replace

import pytest

from agents.contracts.action import Action, Preview, UndoRollout, Workload
from agents.contracts.execution import ActionExecuted, ActResult
from agents.environments.protocol import ActionRejected, EnvironmentUnavailable
from agents.executor.step import ExecutorWorker
from agents.preview.step import PreviewWorker
from agents.worker import Transient
from tests.doubles.cluster import TestCluster
from tests.doubles.pipeline import GATE_SETTINGS, Pipeline
from tests.doubles.stage import Stage, play
from tests.unit.agents.test_pipeline import RESTART, SCALE, scripted

RATE = Workload(kind="deployments", namespace="hotel-0a1b2", name="rate")
PROTECTED = GATE_SETTINGS.model_copy(update={"protected_workloads": ("hotel-0a1b2/*/core",)})


@dataclass
class Seen:
    """The handle of one role: a dry run with changes, or a refusal."""

    cluster: TestCluster | Stage
    changes: dict[str, object]
    refusal: Exception | None = None

    async def preview(self, action: Action) -> Preview:
        if self.refusal is not None:
            raise self.refusal
        shown = await self.cluster.preview(action)
        return shown.model_copy(update=self.changes)

    def __getattr__(self, name: str) -> object:
        return getattr(self.cluster, name)


async def run(
    line: str,
    *,
    told: dict[str, object] | None = None,
    true: dict[str, object] | None = None,
    refusal: Exception | None = None,
) -> Pipeline:
    """Run an act whose preview role tells the gate one thing and the Executor sees another."""
    pipeline = Pipeline(script=scripted(("act", line)), settings=PROTECTED, judgement=None)
    for worker in pipeline.driver.workers:
        if isinstance(worker, PreviewWorker):
            worker.cluster = Seen(pipeline.cluster, told or {})
        if isinstance(worker, ExecutorWorker):
            worker.cluster = Seen(pipeline.cluster, true or {}, refusal)  # type: ignore[assignment]
    await pipeline.run()
    return pipeline


UNDO = UndoRollout(workload=RATE, revision=1)


@pytest.mark.parametrize(
    ("line", "told", "true", "reason"),
    [
        (RESTART, {"rollback": UNDO}, {}, "preview_differs"),
        (RESTART, {}, {"rollback": UNDO}, "preview_differs"),
        (RESTART, {"rollback": UNDO}, {"rollback": UNDO.model_copy(update={"revision": 2})},
         "preview_differs"),
        (SCALE, {"rollback": None}, {}, "preview_differs"),
        (RESTART, {"touched": ()}, {}, "preview_differs"),
        (RESTART, {}, {"owners": ("hotel-0a1b2/statefulsets/core",)}, "not_automatic"),
        (RESTART, {"pods_affected": 1}, {"pods_affected": 11}, "not_automatic"),
        (RESTART, {"changed": ()}, {"changed": ("privileged", "spec")}, "denied_by_policy"),
        (SCALE, {"pods_affected": 1}, {"pods_affected": 101}, "denied_by_policy"),
        (
            SCALE,
            {},
            {
                "owners": ("hotel-0a1b2/statefulsets/core",),
                "replicas_before": 9,
                "replicas_after": 1,
            },
            "denied_by_policy",
        ),
    ],
)  # fmt: skip
async def test_what_the_gate_was_told_and_the_executor_does_not_see_is_not_done(
    line: str, told: dict[str, object], true: dict[str, object], reason: str
) -> None:
    pipeline = await run(line, told=told, true=true)
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.result, executed.reason) == (ActResult.NOT_DONE, reason)
    assert pipeline.cluster.acts == []
    assert pipeline.ledger.intents == []


@pytest.mark.parametrize("line", [RESTART, SCALE])
async def test_what_both_see_is_done(line: str) -> None:
    pipeline = await run(line)
    assert len(pipeline.cluster.acts) == 1


async def test_a_dry_run_that_the_cluster_refuses_is_no_act() -> None:
    pipeline = await run(SCALE, refusal=ActionRejected("quota exceeded"))
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.reason, executed.message) == ("dry-run-failed", "quota exceeded")
    assert pipeline.cluster.acts == []


async def test_nothing_of_an_order_that_nobody_signed_reaches_the_cluster() -> None:
    here = await play()
    away = Seen(here.stage, {}, AssertionError("asked"))
    executor = replace(here.worker, cluster=away)  # type: ignore[arg-type]
    forged = here.order.model_copy(update={"rollback": None})
    assert (await executor.execute(forged)).reason == "wrong_order"


async def test_an_executor_that_reaches_no_cluster_tries_again() -> None:
    here = await play()
    away = Seen(here.stage, {}, EnvironmentUnavailable("no route"))
    executor = replace(here.worker, cluster=away)  # type: ignore[arg-type]
    with pytest.raises(Transient, match="no route"):
        await executor.execute(here.order)
    assert here.ledger.intents == []
