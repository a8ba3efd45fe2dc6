"""What the Executor says of an act that it did not begin, of its circuit, and to the Observer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.contracts.audit import AuditKind
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult, Verification
from agents.contracts.ids import ApprovalId, event_id
from agents.executor.breaker import Breaker
from agents.executor.ledger import GIVEN_UP
from agents.executor.report import report, settled, told
from tests.builders import event
from tests.doubles.stage import play


async def test_an_heir_waits_asks_again_and_then_says_what_it_saw() -> None:
    here = await play(checks=[(True, "3 ready")])
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    here.worker = replace(here.worker, wait=wait, settle_seconds=1.0)
    before = ActIntended(
        approval_id=here.order.approval_id,
        incident_id=here.order.incident_id,
        action_hash=here.order.action_hash,
        writer="executor/0",
        attempt="x",
    )
    here.ledger.intents.append(before)
    done = await here.run()
    assert waits == [0.25] * 4, "as long as it waits, though its clock stands still"
    assert (done.result, done.reason) == (ActResult.UNKNOWN, "interrupted")
    assert done.message == "the Executor stopped between intent and outcome; read the cluster"
    assert done.verification == Verification(healthy=True, detail="3 ready")
    (outcome,) = here.ledger.outcomes
    assert (outcome.attempt, outcome.writer) == (GIVEN_UP, "executor/1")
    assert outcome.action_hash == here.order.action_hash
    assert here.stage.acts == []


async def test_an_heir_that_finds_an_outcome_at_last_repeats_it() -> None:
    here = await play()
    intent = ActIntended(
        approval_id=here.order.approval_id,
        incident_id=here.order.incident_id,
        action_hash=here.order.action_hash,
        writer="executor/0",
        attempt="x",
    )
    executed = report(here.order, ActResult.DONE, message="by another")
    here.ledger.intents.append(intent)
    for late in ("while it waits", "while it verifies"):
        here.ledger.outcomes.clear()

        async def wait(_: float, late: str = late) -> None:
            if late == "while it waits":
                here.ledger.outcomes.append(settled(intent, executed))

        def verified(late: str = late) -> None:
            if late == "while it verifies":
                here.ledger.outcomes.append(settled(intent, executed))

        here.stage.verified = verified
        worker = replace(here.worker, wait=wait, settle_seconds=0.5)
        assert await worker.execute(here.order) == executed, late
        assert len(here.ledger.outcomes) == 1


async def test_an_open_circuit_is_told_with_its_number_its_window_and_the_way_out() -> None:
    here = await play()
    now = here.worker.clock()
    here.worker = replace(here.worker, breaker=Breaker(limit=1, window=timedelta(minutes=5)))
    here.ledger.now = now
    failed = report(here.order, ActResult.FAILED)
    other = failed.model_copy(update={"approval_id": ApprovalId("elsewhere")})
    intent = ActIntended(
        approval_id=ApprovalId("elsewhere"),
        incident_id=here.order.incident_id,
        action_hash=here.order.action_hash,
        writer="executor/0",
        attempt="x",
    )
    here.ledger.outcomes.append(settled(intent, other))
    done = await here.run()
    assert done.message == (
        "1 acts failed or were undone within 0:05:00: "
        f"nothing is done since {now:%Y-%m-%d %H:%M:%S} UTC, until `aoi executor resume`"
    )
    assert here.audit.records[0] == (
        AuditKind.CIRCUIT_OPENED,
        {"opened_at": now.isoformat(), "limit": 1, "window_seconds": 300.0},
    )
    assert (await here.run()).reason == "circuit-open"
    assert [kind for kind, _ in here.audit.records].count(AuditKind.CIRCUIT_OPENED) == 1


async def test_an_act_that_opens_the_circuit_says_so_at_once() -> None:
    here = await play(answers=[None])
    here.worker = replace(here.worker, breaker=Breaker(limit=1))
    await here.run()
    kinds = [kind for kind, _ in here.audit.records]
    assert kinds == [AuditKind.ACT_INTENDED, AuditKind.ACT_SETTLED, AuditKind.CIRCUIT_OPENED]


async def test_an_order_is_answered_to_its_incident_with_report_and_telemetry() -> None:
    here = await play()
    out = await here.worker.handle(event(here.order, key="any"))
    answer, telemetry = out
    assert answer.id == event_id(here.order.incident_id, "ActionExecuted", here.order.approval_id)
    assert answer.key == answer.incident == here.order.incident_id
    assert isinstance(answer.fact, ActionExecuted)
    assert telemetry.fact == told(here.order, answer.fact)
    assert await here.worker.handle(event(answer.fact, key="any")) == ()


SEEN = Verification(healthy=True, detail="3 ready")


@pytest.mark.parametrize(
    ("result", "more", "exit_code", "words"),
    [
        (ActResult.DONE, {}, 0, ""),
        (ActResult.DONE, {"message": "ok"}, 0, "ok"),
        (ActResult.DONE, {"message": "ok", "verification": SEEN}, 0, "ok\ncheck: 3 ready"),
        (
            ActResult.DONE,
            {"reason": "worse", "rolled_back": True},
            0,
            "rolled back: the state was worse after the act",
        ),
        (
            ActResult.DONE,
            {"reason": "rollback-failed", "message": "ok"},
            0,
            "ok\nworse after the act and not rolled back: rollback-failed",
        ),
        (ActResult.NOT_DONE, {"reason": "moved", "message": "x"}, 1, "x\nnot_done: moved"),
        (ActResult.UNKNOWN, {"reason": "no-answer"}, 1, "unknown: no-answer"),
    ],
)
async def test_the_observer_is_told_the_words_the_result_and_the_check(
    result: ActResult, more: dict[str, object], exit_code: int, words: str
) -> None:
    order = (await play()).order
    seen = told(order, report(order, result, **more))  # type: ignore[arg-type]
    assert (seen.exit_code, seen.output, seen.line) == (exit_code, words, order.line)
    assert (seen.incident_id, seen.plan_id, seen.iteration) == (
        order.incident_id,
        order.plan_id,
        order.iteration,
    )


async def test_a_report_is_cut_and_clean() -> None:
    order = (await play()).order
    assert report(order, ActResult.DONE, message="x" * 3000 + " ").message == "x" * 2000
