"""By whose circumstances the Executor decides: its own settings, its own dry run, the ledger."""

from dataclasses import replace

import pytest

from agents.contracts.action import Action, Preview, ScaleWorkload, SetEnv, Touched, Workload
from agents.contracts.approval import ApprovalRequested
from agents.contracts.execution import ActIntended, ActResult
from agents.environments.protocol import ActionRejected, ObjectMoved, Output
from agents.executor.ledger import Claim
from agents.executor.report import report, settled
from agents.policy.decide import Policy
from agents.policy.limits import Rates
from tests.doubles.cluster import TestCluster
from tests.doubles.pipeline import Pipeline
from tests.doubles.stage import Clocked, play
from tests.unit.agents.test_pipeline import RESTART, again, order_of, scripted

OK = Output(text="scaled", exit_code=0)
WELL, BROKEN = (True, "3 ready"), (False, "0 ready")


@pytest.mark.parametrize(
    "own",
    [
        {"own_namespaces": ("hotel-*",)},
        {"managed_namespaces": ("bank-*",)},
        {"max_acts_per_incident": 0},
        {"max_acts_per_hour": 0},
    ],
)
async def test_the_executor_s_own_settings_deny_before_the_intent(own: dict[str, object]) -> None:
    here = await play()
    here.worker.settings = here.worker.settings.model_copy(update=own)
    done = await here.run()
    assert (done.result, done.reason) == (ActResult.NOT_DONE, "denied_by_policy")
    assert here.ledger.intents == here.stage.acts == []


async def test_where_the_executor_is_frozen_the_gate_s_key_is_not_enough() -> None:
    pipeline = Pipeline(script=scripted(("act", RESTART)), cluster=TestCluster(still=True))
    order = again(await order_of(pipeline), 2)
    executor = pipeline.executor("executor/2")
    frozen = executor.settings.model_copy(update={"freeze": True})
    done = await replace(executor, settings=frozen).execute(order)
    assert (done.result, done.reason) == (ActResult.NOT_DONE, "not_automatic")


async def test_a_rollback_that_holds_a_secret_is_none_to_gate_and_executor() -> None:
    class Leaky(TestCluster):
        async def preview(self, action: Action) -> Preview:
            shown = await super().preview(action)
            workload = Workload(kind="deployments", namespace="hotel-0a1b2", name="rate")
            env = (("DB_PASSWORD", "correct-horse-7"),)
            rollback = SetEnv(workload=workload, variables=env)
            return shown.model_copy(update={"rollback": rollback})

    pipeline = Pipeline(script=scripted(("act", RESTART)), cluster=Leaky())
    await pipeline.run()
    assert pipeline.facts(ApprovalRequested) == []
    assert len(pipeline.cluster.acts) == 1


async def test_what_the_cluster_refuses_right_before_the_act_is_not_done() -> None:
    here = await play()

    def refuse() -> None:
        here.stage.refusal = ActionRejected("quota exceeded")

    here.stage.verified = refuse
    done = await here.run()
    assert (done.result, done.reason) == (ActResult.NOT_DONE, "dry-run-failed")
    assert (done.message, done.approval_id) == ("quota exceeded", here.order.approval_id)
    assert here.stage.acts == []


async def test_what_moved_says_what_and_when() -> None:
    here = await play(answers=[ObjectMoved("deployments/rate")])
    assert (await here.run()).message == "deployments/rate"
    here = await play()
    here.stage.verified = lambda: setattr(
        here.stage,
        "shown",
        here.stage.shown.model_copy(update={"rollback": None}),
    )
    assert (await here.run()).message == "changed while its health was read; ask again"
    here = await play(moved=[True])
    two = (
        *here.order.touched,
        Touched(kind="pods", namespace="hotel-0a1b2", name="rate-0", resource_version="1"),
    )
    moved = await here.worker._moved(here.order.model_copy(update={"touched": two}))
    assert moved is not None
    assert moved.message == "changed since the dry run: deployments/rate, pods/rate-0; ask again"


async def test_only_the_order_s_own_act_is_spared_from_the_rate_of_its_rollback() -> None:
    here = await play(answers=[OK, OK], checks=[WELL, BROKEN])

    def fill() -> None:
        here.ledger.moments = (here.worker.clock(),) * 2
        here.worker.settings = here.worker.settings.model_copy(update={"max_acts_per_incident": 1})

    here.stage.verified = fill
    done = await here.run()
    assert (done.reason, done.rolled_back) == ("rollback-denied", False)


async def test_the_policy_s_rate_counts_behind_the_intent_too() -> None:
    here = await play()
    rules = here.worker.policy.rules
    limits = rules.limits.model_copy(update={"rates": Rates(acts_per_hour=1)})
    here.worker.policy = Policy(replace(rules, limits=limits))
    here.ledger.elsewhere = (here.worker.clock(),)
    assert not here.worker._too_many(here.order)
    here.ledger.elsewhere *= 2
    assert here.worker._too_many(here.order)


async def test_an_order_that_another_began_first_ends_as_the_other_s() -> None:
    class Raced(Clocked):
        async def intend(self, intent: ActIntended) -> Claim:
            first = intent.model_copy(update={"writer": "executor/2", "attempt": "b" * 32})
            self.intents.insert(0, first)
            return await super().intend(intent)

    here = await play()
    ledger = Raced()
    here.worker.ledger = ledger

    async def finish(_: float) -> None:
        ledger.outcomes.append(settled(ledger.intents[0], report(here.order, ActResult.DONE)))

    here.worker.wait = finish
    done = await here.run()
    assert (done.result, here.stage.acts) == (ActResult.DONE, [])


def test_an_act_s_rollback_that_is_no_deletion_needs_its_own_approvers() -> None:
    shipped = Policy.load()
    approvers = {**shipped.rules.approvers, "ScaleWorkload": 2}
    policy = Policy(replace(shipped.rules, approvers=approvers))
    workload = Workload(kind="deployments", namespace="hotel-0a1b2", name="rate")
    act = SetEnv(workload=workload, variables=(("A", "b"),))
    kind, namespace = workload.kind, workload.namespace
    new = (Touched(kind=kind, namespace=namespace, name="rate", resource_version=None),)
    back = ScaleWorkload(workload=workload, replicas=1)
    assert policy.approvers_needed(act, back, new) == 2
