"""The circuit breaker: when it opens, what it counts, what closes it, what it does to orders."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agents.contracts.action import Action, Touched
from agents.contracts.approval import ActionApproved
from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult
from agents.contracts.ids import ApprovalId, IncidentId
from agents.environments.protocol import EnvironmentUnavailable, Output
from agents.executor.breaker import Breaker, is_bad
from agents.executor.ledger import Claim
from agents.executor.report import report, settled
from tests.builders import at
from tests.doubles.cluster import TestCluster
from tests.doubles.ledger import MemoryLedger
from tests.doubles.pipeline import Pipeline
from tests.unit.agents.test_pipeline import RESTART, again, order_of, scripted

LIMIT = 3


def breaker(resumed: datetime | None = None) -> Breaker:
    return Breaker(limit=LIMIT, resumed_at=lambda: resumed)


@pytest.mark.parametrize(
    ("minutes", "opened"),
    [
        ((), None),
        ((0, 1), None),
        ((0, 1, 2), 2),
        ((0, 30, 60), 60),
        ((0, 30, 61), None),
        ((0, 50, 80, 100), 100),
        ((0, 1, 2, 300), 2),
        ((2, 0, 1), 2),
    ],
)
def test_it_opens_at_the_limit_within_the_window_and_stays_open(
    minutes: tuple[int, ...], opened: int | None
) -> None:
    found = breaker().opened_at(at(60 * one) for one in minutes)
    assert found == (None if opened is None else at(60 * opened))


def test_a_resume_closes_it_and_only_what_comes_after_counts() -> None:
    failures = [at(0), at(1), at(2)]
    assert breaker(at(2)).opened_at(failures) is None
    assert breaker(at(1.5)).opened_at(failures) is None
    assert breaker(at(-1)).opened_at(failures) == at(2)
    assert breaker(at(2)).opened_at([*failures, at(3), at(4), at(5)]) == at(5)


def test_a_limit_of_zero_never_opens() -> None:
    assert Breaker(limit=0).opened_at([at(0)] * 100) is None


class Failing(TestCluster):
    """A cluster whose acts end as the test says."""

    answer: Output | None = Output(text="no", exit_code=1)

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        self.acts.append(action)
        if self.answer is None:
            raise EnvironmentUnavailable("gone")
        return self.answer


async def failed_elsewhere(pipeline: Pipeline, order: ActionApproved, times: int) -> None:
    """Let the ledger know of failures in other incidents."""
    for number in range(times):
        elsewhere = order.model_copy(
            update={
                "approval_id": ApprovalId(f"elsewhere-{number}"),
                "incident_id": IncidentId(f"other-{number}"),
            }
        )
        intent = ActIntended(
            approval_id=elsewhere.approval_id,
            incident_id=elsewhere.incident_id,
            action_hash=order.action_hash,
            writer="executor/0",
            attempt="x",
        )
        pipeline.ledger.intents.append(intent)
        await pipeline.ledger.settle(settled(intent, report(elsewhere, ActResult.FAILED)))


async def test_it_stops_every_act_after_a_restart_too_and_a_resume_lets_them_go_on() -> None:
    pipeline = Pipeline(script=scripted(("act", RESTART)))
    order = await order_of(pipeline)
    await failed_elsewhere(pipeline, order, LIMIT - 1)
    cluster = Failing()
    executor = replace(
        pipeline.executor(), cluster=cluster, breaker=breaker(), clock=lambda: order_time(order)
    )
    assert pipeline.ledger.failures() == (pipeline.ledger.now,) * (LIMIT - 1)
    assert (await executor.execute(again(order, 1))).result is ActResult.FAILED
    assert executor.circuit_opened_at is not None
    restarted = replace(executor)
    for worker in (executor, restarted):
        stopped = await worker.execute(again(order, 2))
        assert (stopped.result, stopped.reason) == (ActResult.NOT_DONE, "circuit-open")
        assert "aoi executor resume" in stopped.message
    assert len(cluster.acts) == 1
    kinds = [kind for kind, _ in pipeline.audit.records]
    assert kinds.count(AuditKind.CIRCUIT_OPENED) == 2, "once a process"
    pipeline.ledger.intents[:] = pipeline.ledger.intents[:LIMIT]  # the incident's own rate is free
    resumed = replace(executor, breaker=breaker(pipeline.ledger.now))
    assert (await resumed.execute(again(order, 3))).result is ActResult.FAILED
    assert len(cluster.acts) == 2


async def test_a_circuit_that_opens_between_intent_and_act_stops_the_act() -> None:
    pipeline = Pipeline(script=scripted(("act", RESTART)), cluster=TestCluster(still=True))
    order = await order_of(pipeline)

    class Racing(MemoryLedger):
        async def intend(self, intent: ActIntended) -> Claim:
            claim = await super().intend(intent)
            await failed_elsewhere(pipeline, order, LIMIT)
            return claim

    pipeline.ledger = Racing(pipeline.ledger.intents, pipeline.ledger.outcomes)
    executor = replace(
        pipeline.executor(), cluster=Failing(), breaker=breaker(), clock=lambda: order_time(order)
    )
    stopped = await executor.execute(again(order, 1))
    assert (stopped.result, stopped.reason) == (ActResult.NOT_DONE, "circuit-open")
    assert pipeline.ledger.outcomes[-1].result is ActResult.NOT_DONE


def order_time(order: ActionApproved) -> datetime:
    """Return a moment at which the order's signature is valid."""
    return order.decisions[0].payload.not_before


@pytest.mark.parametrize(
    ("result", "reason", "bad"),
    [
        (ActResult.DONE, "", False),
        (ActResult.NOT_DONE, "moved", False),
        (ActResult.FAILED, "command-failed", True),
        (ActResult.UNKNOWN, "no-answer", True),
        (ActResult.DONE, "worse", True),
        (ActResult.DONE, "rollback-failed", True),
        (ActResult.DONE, "rollback-denied", True),
        (ActResult.DONE, "rollback-unknown", True),
    ],
)
async def test_what_counts_is_failed_unknown_or_worse(
    result: ActResult, reason: str, *, bad: bool
) -> None:
    pipeline = Pipeline(script=scripted(("act", RESTART)))
    order = await order_of(pipeline)
    intent = pipeline.ledger.intents[0]
    ledger = MemoryLedger([intent])
    await ledger.settle(settled(intent, report(order, result, reason=reason)))
    assert is_bad(ledger.outcomes[0]) is bad
    assert len(ledger.failures()) == int(bad)


class Harmful(TestCluster):
    """A cluster that acts make worse, and whose second act ends as `undo` says."""

    undo: Output | None = None

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        if self.acts and self.undo is None:
            raise EnvironmentUnavailable("gone")
        if self.acts and self.undo is not None:
            self.acts.append(action)
            return self.undo
        return await super().act(action)


@pytest.mark.parametrize(
    ("undo", "reason", "words"),
    [
        (None, "rollback-unknown", "not answered"),
        (Output(text="denied", exit_code=1), "rollback-failed", "denied"),
    ],
)
async def test_a_rollback_that_fails_is_told_as_it_was(
    undo: Output | None, reason: str, words: str
) -> None:
    cluster = Harmful(breaks=True, replicas={"geo": 1, "rate": 1})
    cluster.undo = undo
    pipeline = Pipeline(
        script=scripted(("act", "kubectl scale deployment geo --replicas=2")), cluster=cluster
    )
    await pipeline.run()
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.result, executed.reason) == (ActResult.DONE, reason)
    assert not executed.rolled_back
    assert words in executed.message


def test_the_window_is_an_hour_unless_said() -> None:
    assert Breaker().window == timedelta(hours=1)
