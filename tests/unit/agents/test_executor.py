"""What the Executor reports of each way that an order can go, and what the audit has of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActResult, Verification
from agents.contracts.ids import ApprovalId
from agents.environments.protocol import ObjectMoved, Output
from agents.executor.breaker import Breaker
from agents.executor.ledger import GIVEN_UP
from agents.executor.report import report, settled
from agents.worker import Transient
from tests.doubles.stage import Play, play

SECRET = "password=hunter2-x"

OK = Output(text=f"scaled, {SECRET}\n", exit_code=0)
HIDDEN = "scaled, password=[redacted:value]"
WELL, BROKEN = (True, "3 ready"), (False, f"0 ready, {SECRET}")
SICK = Verification(healthy=False, detail="0 ready, password=[redacted:value]")


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (
            {"answers": [OK]},
            (ActResult.DONE, "", HIDDEN, Verification(healthy=True, detail="3 ready"), False, 1),
        ),
        (
            {"answers": [OK], "checks": [BROKEN]},
            (ActResult.DONE, "", HIDDEN, SICK, False, 1),
        ),
        (
            {"answers": [OK, OK], "checks": [WELL, BROKEN, WELL]},
            (
                ActResult.DONE,
                "worse",
                f"{HIDDEN}\n\nafter the rollback: 3 ready",
                SICK,
                True,
                2,
            ),
        ),
        (
            {"answers": [OK, None], "checks": [WELL, BROKEN]},
            (
                ActResult.DONE,
                "rollback-unknown",
                f"{HIDDEN}\n\nthe rollback was not answered: no route",
                SICK,
                False,
                2,
            ),
        ),
        (
            {"answers": [OK, Output(text="denied", exit_code=1)], "checks": [WELL, BROKEN]},
            (
                ActResult.DONE,
                "rollback-failed",
                f"{HIDDEN}\n\nthe rollback failed: denied",
                SICK,
                False,
                2,
            ),
        ),
        (
            {"answers": [OK], "checks": [WELL, None]},
            (
                ActResult.DONE,
                "unverified",
                HIDDEN,
                Verification(healthy=False, detail="could not be read: no route"),
                False,
                1,
            ),
        ),
        (
            {"answers": [OK], "checks": [WELL, None, None, WELL]},
            (ActResult.DONE, "", HIDDEN, Verification(healthy=True, detail="3 ready"), False, 1),
        ),
        (
            {"answers": [OK, OK], "checks": [WELL, BROKEN]},
            (
                ActResult.DONE,
                "rollback-unhealthy",
                f"{HIDDEN}\n\nafter the rollback: 0 ready, password=[redacted:value]",
                SICK,
                True,
                2,
            ),
        ),
        (
            {"answers": [OK, OK], "checks": [WELL, BROKEN, None]},
            (
                ActResult.DONE,
                "rollback-unhealthy",
                f"{HIDDEN}\n\nafter the rollback: could not be read: no route",
                SICK,
                True,
                2,
            ),
        ),
        (
            {"answers": [Output(text="denied", exit_code=1)]},
            (ActResult.FAILED, "command-failed", "denied", None, False, 1),
        ),
        (
            {"answers": [None]},
            (ActResult.UNKNOWN, "no-answer", "no route", None, False, 1),
        ),
        (
            {"checks": [None]},
            (ActResult.NOT_DONE, "unreachable", "no route", None, False, 0),
        ),
        (
            {"moved": [True]},
            (
                ActResult.NOT_DONE,
                "moved",
                "changed since the dry run: deployments/rate; ask again",
                None,
                False,
                0,
            ),
        ),
        (
            {"moved": [False, True]},
            (
                ActResult.NOT_DONE,
                "moved",
                "changed since the dry run: deployments/rate; ask again",
                None,
                False,
                0,
            ),
        ),
    ],
)
async def test_each_way_an_act_can_go_has_its_report(
    stage: dict[str, object], expected: tuple[object, ...]
) -> None:
    here = await play(**stage)
    done = await here.run()
    got = (done.result, done.reason, done.message, done.verification, done.rolled_back)
    assert (*got, len(here.stage.acts)) == expected
    assert (done.approval_id, done.incident_id) == (here.order.approval_id, here.order.incident_id)
    assert (done.plan_id, done.iteration) == (here.order.plan_id, here.order.iteration)
    assert done.action == here.order.action
    assert here.stage.acts[1:] == [here.order.rollback][: len(here.stage.acts) - 1]


async def test_an_act_that_nothing_undoes_is_worse_and_stays() -> None:
    here = await play(checks=[WELL, BROKEN])
    order = here.order.model_copy(update={"rollback": None})
    done = await here.worker._rolled_back(order, here.stage.shown)
    assert done == (False, "worse", "nothing undoes this act")


async def test_the_audit_has_the_order_before_the_act_and_its_outcome_after() -> None:
    here = await play()
    await here.run()
    order = here.order
    assert here.audit.records == [
        (
            AuditKind.ACT_INTENDED,
            {
                "approval_id": order.approval_id,
                "action_hash": order.action_hash,
                "line": order.line,
            },
        ),
        (
            AuditKind.ACT_SETTLED,
            {"approval_id": order.approval_id, "result": ActResult.DONE, "reason": ""},
        ),
    ]
    (intent,), (outcome,) = here.ledger.intents, here.ledger.outcomes
    assert (intent.approval_id, intent.incident_id) == (order.approval_id, order.incident_id)
    assert (intent.action_hash, intent.writer) == (order.action_hash, "executor/1")
    assert len(intent.attempt) == 32
    assert (outcome.attempt, outcome.writer) == (intent.attempt, intent.writer)
    assert outcome.result is ActResult.DONE


async def test_what_is_refused_before_the_intent_is_told_to_the_audit_alone() -> None:
    here = await play(moved=[True])
    await here.run()
    ((kind, record),) = here.audit.records
    assert kind is AuditKind.ACT_SETTLED
    assert record["reason"] == "moved"
    assert record["line"] == here.order.line
    assert here.ledger.intents == here.ledger.outcomes == []


def given_up(here: Play) -> None:
    def settle(intent: ActIntended) -> None:
        by = intent.model_copy(update={"attempt": GIVEN_UP, "writer": "executor/2"})
        here.ledger.outcomes.append(settled(by, report(here.order, ActResult.UNKNOWN)))

    here.ledger.more = settle


def unread(here: Play) -> None:
    here.ledger.unread = 1


def late(here: Play) -> None:
    def pass_time(_: ActIntended) -> None:
        here.worker.clock = lambda: here.order.expires

    here.ledger.more = pass_time


def busy(here: Play) -> None:
    def fill(_: ActIntended) -> None:
        here.ledger.moments = (here.worker.clock(),) * 1000

    here.ledger.more = fill


def still(here: Play) -> None:
    began = here.worker.clock()

    def stand() -> None:
        here.worker.clock = lambda: began + timedelta(seconds=here.worker.settle_seconds / 2)

    here.stage.verified = stand


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        (given_up, "given-up", "given up by executor/2 before it was done"),
        (unread, "ledger", "the ledger could not be read again before the act"),
        (late, "expired", "expired at {expires} before it was done"),
        (busy, "rate", "another Executor used up the rate meanwhile"),
        (still, "overtaken", "this Executor stood still between intent and act; ask again"),
    ],
)
async def test_what_held_before_the_intent_must_hold_after_it(
    change: Callable[[Play], None], reason: str, message: str
) -> None:
    here = await play()
    change(here)
    done = await here.run()
    assert (done.result, done.reason) == (ActResult.NOT_DONE, reason)
    assert done.message == message.format(expires=here.order.expires)
    assert here.stage.acts == []
    assert here.ledger.outcomes[-1].result is ActResult.NOT_DONE


def moving(here: Play) -> None:
    def move() -> None:
        touched = tuple(
            one.model_copy(update={"resource_version": "0"}) for one in here.stage.shown.touched
        )
        here.stage.shown = here.stage.shown.model_copy(update={"touched": touched})

    here.stage.verified = move


def revised(here: Play) -> None:
    moving(here)
    here.stage.shown = here.stage.shown.model_copy(update={"state": "a" * 64})
    move = here.stage.verified

    def change() -> None:
        move()
        here.stage.shown = here.stage.shown.model_copy(update={"state": "b" * 64})

    here.stage.verified = change


def longer(here: Play) -> None:
    def change() -> None:
        here.stage.shown = here.stage.shown.model_copy(update={"changed": ("privileged",)})

    here.stage.verified = change


def otherwise(here: Play) -> None:
    def change() -> None:
        here.stage.shown = here.stage.shown.model_copy(update={"rollback": None})

    here.stage.verified = change


@pytest.mark.parametrize("change", [moving, revised, longer, otherwise])
async def test_what_moves_while_health_is_read_is_left_alone(
    change: Callable[[Play], None],
) -> None:
    here = await play()
    change(here)
    done = await here.run()
    assert (done.result, done.reason) == (ActResult.NOT_DONE, "moved")
    assert here.stage.acts == []


async def test_a_status_that_a_controller_writes_meanwhile_moves_nothing() -> None:
    here = await play()
    moving(here)
    here.stage.shown = here.stage.shown.model_copy(update={"state": "a" * 64})
    assert (await here.run()).result is ActResult.DONE
    assert here.stage.asked == [here.stage.shown.touched], "on the versions seen last"


async def test_what_moves_between_the_last_look_and_the_act_is_left_alone() -> None:
    here = await play(answers=[ObjectMoved("deployments/rate")])
    done = await here.run()
    assert (done.result, done.reason) == (ActResult.NOT_DONE, "moved")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"managed_namespaces": ("bank-*",)}, "rollback-denied"),
        ({"max_acts_per_incident": 1}, "worse"),
        ({"max_acts_per_hour": 1}, "worse"),
    ],
)
async def test_policy_is_asked_again_before_a_rollback(
    change: dict[str, object], reason: str
) -> None:
    here = await play(answers=[OK, OK], checks=[WELL, BROKEN, WELL])
    here.ledger.more = lambda _: setattr(here.ledger, "moments", (here.worker.clock(),))

    def edit() -> None:
        here.worker.settings = here.worker.settings.model_copy(update=change)

    here.stage.verified = edit
    done = await here.run()
    assert (done.reason, done.rolled_back) == (reason, reason == "worse")
    assert len(here.stage.acts) == 1 + done.rolled_back


async def test_the_rate_may_be_used_up_but_not_exceeded() -> None:
    here = await play()
    now = here.worker.clock()
    limits, settings = here.worker.policy.rules.limits.rates, here.worker.settings
    of_incident = min(
        one for one in (limits.acts_per_incident, settings.max_acts_per_incident) if one
    )
    here.ledger.moments = (now - timedelta(hours=2),) * of_incident
    assert not here.worker._too_many(here.order)
    here.ledger.moments = (now - timedelta(hours=2),) * (of_incident + 1)
    assert here.worker._too_many(here.order)
    here.ledger.moments = (now - timedelta(days=1, seconds=1),) * 1000
    assert not here.worker._too_many(here.order)


@pytest.mark.parametrize(
    ("ago", "refused"), [(timedelta(hours=23), True), (timedelta(hours=25), False)]
)
async def test_the_acts_of_an_incident_are_counted_for_a_day(
    ago: timedelta, *, refused: bool
) -> None:
    here = await play()
    here.ledger.moments = (here.worker.clock() - ago,) * 4
    done = await here.run()
    assert (done.reason == "denied_by_policy") is refused
    assert (done.result is ActResult.DONE) is not refused
    assert not refused or (done.message.startswith("denied_by_policy: ") and here.stage.acts == [])


@pytest.mark.parametrize(
    ("ago", "refused"), [(timedelta(minutes=59), True), (timedelta(minutes=61), False)]
)
async def test_everybody_s_acts_are_counted_for_an_hour(ago: timedelta, *, refused: bool) -> None:
    here = await play()
    here.ledger.elsewhere = (here.worker.clock() - ago,) * here.worker.settings.max_acts_per_hour
    done = await here.run()
    assert (done.reason == "denied_by_policy") is refused
    here.ledger.elsewhere += here.ledger.elsewhere[:1]
    assert here.worker._too_many(here.order) is refused


async def test_every_record_of_the_audit_is_of_the_order_s_incident() -> None:
    for stage in ({}, {"answers": [None]}, {"moved": [True]}):
        here = await play(**stage)
        here.worker = replace(here.worker, breaker=Breaker(limit=1))
        await here.run()
        await here.worker.execute(
            here.order.model_copy(update={"approval_id": ApprovalId("another")})
        )
        assert here.audit.incidents == {here.order.incident_id}


async def test_a_cluster_that_cannot_be_read_makes_wait_or_ends_the_order() -> None:
    here = await play(unread=[True])
    with pytest.raises(Transient, match=r"^reading what ScaleWorkload touches: no route"):
        await here.run()
    assert here.ledger.intents == []
    here = await play(unread=[False, True])
    done = await here.run()
    assert (done.result, done.reason, done.message) == (
        ActResult.NOT_DONE,
        "unreachable",
        "no route",
    )
    assert here.stage.acts == []
