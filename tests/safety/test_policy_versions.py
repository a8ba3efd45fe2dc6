"""The Gate and the Executor decide by the policy of the moment: a new one voids what was asked."""

import shutil
from pathlib import Path

import pytest

from agents.contracts.approval import (
    ActionApproved,
    ActionRefused,
    ApprovalRequested,
    DecisionVerdict,
    RefusedBy,
)
from agents.contracts.audit import AuditRecorded
from agents.contracts.execution import ActionExecuted, ActResult
from agents.executor.step import ExecutorWorker
from agents.gate import GateReducer
from agents.policy.decide import SHIPPED, Policy, PreviewFacts
from agents.policy.reload import PolicyFolder
from agents.roles import Role
from tests.builders import T0
from tests.doubles.pipeline import GATE, Pipeline
from tests.unit.agents.test_pipeline import RESTART, SCALE, scripted

FROZEN = '[freeze]\nnow = true\nrule = "deny"\n'
STRICT = "[rates]\nacts_per_incident = 0\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


def edit(folder: PolicyFolder, settings: str) -> None:
    """Save an edit, and let the watch look as often as it needs."""
    (folder.path / "settings.toml").write_text(settings)
    for _ in range(2):
        if (found := folder.look()) is not None:
            folder.settle(found)
    assert folder.trouble is None


def piped(gate: Policy, executor: Policy, line: str) -> Pipeline:
    """Return a pipeline whose model proposes the line; Gate and Executor have these policies."""
    pipeline = Pipeline(script=scripted(("act", line)), judgement=None)
    driver = pipeline.driver
    driver.reducers = [
        GateReducer(settings=pipeline.settings, policy=gate, key=GATE)
        if one.role is Role.GATE
        else one
        for one in driver.reducers
    ]
    for worker in driver.workers:
        if isinstance(worker, ExecutorWorker):
            worker.policy = executor
    return pipeline


async def test_an_edit_holds_for_the_next_plan_without_a_restart(rules: Path) -> None:
    folder = PolicyFolder(rules)
    first = piped(folder.policy, folder.policy, RESTART)
    await first.run()
    assert len(first.cluster.acts) == 1
    edit(folder, FROZEN)
    second = piped(folder.policy, folder.policy, RESTART)
    await second.run()
    (refused,) = second.facts(ActionRefused)
    assert isinstance(refused, ActionRefused)
    assert (refused.reason, second.cluster.acts) == ("frozen_for_all", [])


async def test_what_was_asked_under_another_policy_is_refused_and_may_be_proposed_again(
    rules: Path,
) -> None:
    folder = PolicyFolder(rules)
    pipeline = piped(folder.policy, folder.policy, SCALE)
    asked: list[str] = []

    def decide(request: ApprovalRequested) -> DecisionVerdict:
        asked.append(request.policy_version)
        edit(folder, "own_namespaces = []\n")  # the same rules, another version
        return DecisionVerdict.APPROVE

    pipeline.decide = decide
    await pipeline.run()
    (refused,) = pipeline.facts(ActionRefused)
    assert isinstance(refused, ActionRefused)
    assert (refused.refused_by, refused.reason) == (RefusedBy.POLICY, "policy-changed")
    assert pipeline.cluster.acts == []
    assert folder.policy.version not in asked
    reasons = [
        one.record.get("reason")
        for one in pipeline.facts(AuditRecorded)
        if isinstance(one, AuditRecorded)
    ]
    assert "policy-version" in reasons


@pytest.mark.parametrize("settings", [FROZEN, "own_namespaces = []\n"])
async def test_an_order_of_another_version_than_the_executor_s_is_not_done(
    rules: Path, settings: str
) -> None:
    gate, executor = Policy.load(rules), PolicyFolder(rules)
    edit(executor, settings)
    pipeline = piped(gate, executor.policy, RESTART)
    await pipeline.run()
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.result, executed.reason) == (ActResult.NOT_DONE, "wrong_policy")
    assert pipeline.cluster.acts == []


async def test_a_policy_that_changes_between_the_check_and_the_act_stops_the_act(
    rules: Path,
) -> None:
    folder = PolicyFolder(rules)
    pipeline = piped(folder.policy, folder.policy, RESTART)
    intend = type(pipeline.ledger).intend

    class Ledger(type(pipeline.ledger)):  # type: ignore[misc]  # the memory ledger's own class
        """One behind whose intent an operator saves an edit."""

        async def intend(self, intent):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as its base
            claim = await intend(self, intent)
            edit(folder, FROZEN)
            return claim

    for worker in pipeline.driver.workers:
        if isinstance(worker, ExecutorWorker):
            worker.ledger = Ledger()
    await pipeline.run()
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.result, executed.reason) == (ActResult.NOT_DONE, "policy-changed")
    assert pipeline.cluster.acts == []


async def test_a_rate_of_the_folder_bounds_the_executor_s_own_count(rules: Path) -> None:
    """The count after the intent is the one that two Executors cannot both pass."""
    folder = PolicyFolder(rules)
    pipeline = piped(folder.policy, folder.policy, RESTART)
    executor = next(one for one in pipeline.driver.workers if isinstance(one, ExecutorWorker))
    await pipeline.run()
    (order,) = pipeline.facts(ActionApproved)
    assert isinstance(order, ActionApproved)
    assert not executor._too_many(order)
    edit(folder, STRICT)
    assert executor._too_many(order)


@pytest.mark.parametrize(
    ("day", "acts"),
    [("sun", 1), ("mon", 0)],
)
async def test_gate_and_executor_ask_the_calendar_for_their_own_time(
    rules: Path, day: str, acts: int
) -> None:
    """Without a time either of them would deny; T0 is a Monday."""
    assert f"{T0:%a}".lower() == "mon"
    folder = PolicyFolder(rules)
    edit(folder, f'[[freeze.windows]]\nname = "w"\ndays = ["{day}"]\nrule = "deny"\n')
    pipeline = piped(folder.policy, folder.policy, RESTART)
    await pipeline.run()
    assert len(pipeline.cluster.acts) == acts
    for worker in pipeline.driver.workers:
        if isinstance(worker, ExecutorWorker) and acts:
            (order,) = pipeline.facts(ActionApproved)
            assert isinstance(order, ActionApproved)
            assert worker._context(order, T0, PreviewFacts(pods_affected=1)).now == T0
