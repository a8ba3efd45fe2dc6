"""Attack table, row Approval: every attack through verifier, gate and Executor, with its code.

What is pure of it is in `test_orders.py`; here the roles stand in line, as the topics join them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.approval.keyring import Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.contracts.action import Action, RestartRollout, ScaleWorkload
from agents.contracts.approval import DecisionVerdict
from agents.contracts.audit import AuditKind, AuditRecorded
from agents.contracts.execution import ActResult
from agents.contracts.ids import ApprovalId
from agents.contracts.model import ModelRequested
from agents.gate import PROPOSER
from agents.worker import Transient
from streams.codec import encode
from streams.topic import MAX_RECORD_BYTES
from tests.builders import event
from tests.doubles.court import Court
from tests.doubles.pipeline import PERSON

OTTO, EVE = SigningKey(b"o" * 32), SigningKey(b"e" * 32)
APPROVE, REFUSE = DecisionVerdict.APPROVE, DecisionVerdict.REFUSE


def script(asked: ModelRequested) -> str:
    """Play a model that scales geo up and is content."""
    if asked.iteration > 1:
        return json.dumps({"summary": "repaired", "action": "submit", "confidence": 95})
    command = "kubectl scale deployment geo --replicas=1"
    step = {"summary": "geo is gone", "confidence": 80, "action": "act", "command": command}
    return json.dumps(step)


async def court(*, approvers: int = 1, **keys: SigningKey) -> Court:
    """Return an open request; `keys` may approve beside alice."""
    made = await Court.of(script, approvers=approvers)
    made.keys += tuple(key.entry(name, Purpose.APPROVE) for name, key in keys.items())
    return made


async def approved() -> Court:
    made = await court()
    assert await made.answer(made.decision()) == "approved"
    return made


async def test_an_approved_order_is_done_once() -> None:
    made = await approved()
    report = await made.execute(made.order)
    assert report.result is ActResult.DONE
    assert len(made.pipeline.cluster.acts) == 1


# -- decisions: what comes of the attack at verifier and gate


async def replayed(made: Court) -> str:
    assert await made.answer(made.decision()) == "approved"
    return await made.answer(made.decision())


async def same_id_other_body(made: Court) -> str:
    signed = made.decision()
    payload = signed.payload.model_copy(update={"verdict": REFUSE})
    return await made.answer(signed.model_copy(update={"payload": payload}))


async def approver_is_proposer(made: Court) -> str:
    made.keys += (OTTO.entry(PROPOSER, Purpose.APPROVE),)
    return await made.answer(made.decision(OTTO, PROPOSER))


async def refusal_after_approval(made: Court) -> str:
    assert await made.answer(made.decision()) == "approved"
    return await made.answer(made.decision(verdict=REFUSE))


async def approval_after_refusal(made: Court) -> str:
    assert await made.answer(made.decision(verdict=REFUSE)) == "refused"
    return await made.answer(made.decision())


async def oversize(made: Court) -> str:
    record = encode(event(made.decision(), key="any"))
    assert record.value is not None
    padded = record.value[:-1] + b" " * MAX_RECORD_BYTES + b"}"
    return await made.deliver(replace(record, value=padded))


async def tombstone(made: Court) -> str:
    return await made.deliver(replace(encode(event(made.decision(), key="any")), value=None))


async def extra_member(made: Court) -> str:
    record = encode(event(made.decision(), key="any"))
    body = json.loads(record.value or b"")
    body["payload"]["rollback"] = None
    return await made.deliver(replace(record, value=json.dumps(body).encode()))


def decided(**changes: object) -> Callable[[Court], Awaitable[str]]:
    """Return the attack of a decision that alice signed, with other members."""

    async def attack(made: Court) -> str:
        moments = {
            name: made.now + moved
            for name, moved in changes.items()
            if isinstance(moved, timedelta)
        }
        return await made.answer(made.decision(PERSON, "alice", **(changes | moments)))

    return attack


async def forged(made: Court) -> str:
    return await made.answer(made.decision(EVE))


async def unknown(made: Court) -> str:
    return await made.answer(made.decision(EVE, "eve"))


async def revoked(made: Court) -> str:
    made.keys = tuple(key.model_copy(update={"revoked": True}) for key in made.keys)
    return await made.answer(made.decision())


@pytest.mark.parametrize(
    ("code", "attack"),
    [
        ("not-pending", replayed),
        ("bad-signature", same_id_other_body),
        ("not-pending", decided(approval_id=ApprovalId("another"))),
        ("action-hash", decided(action_hash="0" * 64)),
        ("order-hash", decided(order_hash="0" * 64)),
        ("order-hash", decided(order_hash=None)),
        ("expired", decided(expires=timedelta(seconds=-1))),
        ("not-yet-valid", decided(not_before=timedelta(seconds=1))),
        ("too-long-valid", decided(expires=timedelta(days=2))),
        ("cluster", decided(cluster="prod")),
        ("policy-version", decided(policy_version="0" * 64)),
        ("unknown-key", unknown),
        ("revoked-key", revoked),
        ("bad-signature", forged),
        ("approver-is-proposer", approver_is_proposer),
        ("not-pending", refusal_after_approval),
        ("not-pending", approval_after_refusal),
        ("oversize", oversize),
        ("not-json", tombstone),
        ("invalid-fact", extra_member),
    ],
)
async def test_a_decision_that_must_not_count_has_its_code(
    code: str, attack: Callable[[Court], Awaitable[str]]
) -> None:
    made = await court()
    assert await attack(made) == code
    assert made.pipeline.cluster.acts == []


async def test_whoever_signs_the_action_alone_may_still_refuse() -> None:
    made = await court()
    assert await made.answer(made.decision(verdict=REFUSE, order_hash=None)) == "refused"


async def test_of_two_decisions_that_race_the_first_counts() -> None:
    for first, second in ((APPROVE, REFUSE), (REFUSE, APPROVE)):
        made = await court(otto=OTTO)
        one = await made.answer(made.decision(verdict=first))
        two = await made.answer(made.decision(OTTO, "otto", verdict=second))
        assert (one, two) == ("approved" if first is APPROVE else "refused", "not-pending")


async def test_two_persons_are_two_names_and_a_refusal_between_them_ends_it() -> None:
    made = await court(approvers=2, otto=OTTO)
    assert await made.answer(made.decision()) == "counted"
    assert await made.answer(made.decision()) == "second-decision"
    assert await made.answer(made.decision(OTTO, "otto")) == "approved"
    again = await court(approvers=2, otto=OTTO)
    assert await again.answer(again.decision()) == "counted"
    assert await again.answer(again.decision(OTTO, "otto", verdict=REFUSE)) == "refused"


async def test_the_audit_says_who_decided_what_and_why_it_did_not_count() -> None:
    made = await court(approvers=2, otto=OTTO)
    for decision in (made.decision(), made.decision(), made.decision(OTTO, "otto", verdict=REFUSE)):
        await made.answer(decision)
    found = [
        (one.kind, one.record["approver"], one.record["verdict"], one.record.get("reason"))
        for one in made.told
        if isinstance(one, AuditRecorded) and one.kind is not AuditKind.ORDER_REFUSED
    ]
    assert found == [
        (AuditKind.DECISION_ACCEPTED, "alice", APPROVE, None),
        (AuditKind.DECISION_REJECTED, "alice", APPROVE, "second-decision"),
        (AuditKind.DECISION_ACCEPTED, "otto", REFUSE, None),
    ]


async def test_request_and_audit_say_why_somebody_is_asked() -> None:
    made = await court()
    assert made.asked.reason == "needs_person"
    assert made.asked.reason_message == "no policy lets this act be done unasked"
    (link,) = (
        one
        for one in made.pipeline.facts(AuditRecorded)
        if isinstance(one, AuditRecorded) and one.kind is AuditKind.APPROVAL_REQUESTED
    )
    assert link.record["reason"] == "needs_person"


async def test_a_rotated_key_is_no_second_voice() -> None:
    made = await court(approvers=2)
    end = made.now + timedelta(days=1)
    made.keys = tuple(
        key.model_copy(update={"not_after": end}) if key.name == "alice" else key
        for key in made.keys
    )
    made.keys += (OTTO.entry("alice", Purpose.APPROVE),)
    assert await made.answer(made.decision()) == "counted"
    assert await made.answer(made.decision(OTTO)) == "second-decision"


@pytest.mark.parametrize("name", ["Alice", "alice ", "\uff41lice"])
async def test_another_spelling_is_no_second_voice(name: str) -> None:
    made = await court(approvers=2)
    assert await made.answer(made.decision()) == "counted"
    made.keys = (OTTO.entry(name, Purpose.APPROVE),)
    assert await made.answer(made.decision(OTTO, name)) == "second-decision"
    own = PROPOSER.upper()
    made.keys = (OTTO.entry(own, Purpose.APPROVE),)
    assert await made.answer(made.decision(OTTO, own)) == "approver-is-proposer"


# -- orders: what comes of the attack at the Executor

SCALED: Action = ScaleWorkload.model_validate(
    {
        "workload": {"kind": "deployments", "namespace": "hotel-0a1b2", "name": "geo"},
        "replicas": 2,
    }
)
RATE: Action = RestartRollout.model_validate(
    {"workload": {"kind": "deployments", "namespace": "hotel-0a1b2", "name": "rate"}}
)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("wrong_approval", {"approval_id": ApprovalId("another")}),
        ("wrong_action", {"action": SCALED}),
        ("wrong_order", {"rollback": None}),
        ("wrong_order", {"rollback": SCALED}),
        ("wrong_order", {"rollback": RATE}),
        ("wrong_order", {"touched": ()}),
        ("wrong_order", {"rollback": None, "touched": ()}),
        ("wrong_order", {"pods_affected": 2}),
        ("wrong_order", {"confidence": 81}),
        ("wrong_cluster", {"cluster": "prod"}),
        ("wrong_policy", {"policy_version": "0" * 64}),
    ],
)
async def test_an_order_that_was_changed_after_its_approval_is_not_done(
    code: str, changes: dict[str, object]
) -> None:
    made = await approved()
    report = await made.execute(made.order, **changes)
    assert (report.result, report.reason) == (ActResult.NOT_DONE, code)
    assert made.pipeline.cluster.acts == []
    assert made.pipeline.ledger.intents == []


async def test_what_is_touched_can_be_changed_in_no_version() -> None:
    made = await approved()
    (one,) = made.order.touched
    made.pipeline.cluster.version += 1  # moved, and the order says so: versions agree again
    moved = one.model_copy(update={"resource_version": str(made.pipeline.cluster.version)})
    report = await made.execute(made.order, touched=(moved,))
    assert report.reason == "wrong_order"
    assert made.pipeline.cluster.acts == []


async def test_what_moved_since_the_dry_run_is_left_alone() -> None:
    made = await approved()
    made.pipeline.cluster.version += 1
    report = await made.execute(made.order)
    assert (report.result, report.reason) == (ActResult.NOT_DONE, "moved")
    assert made.pipeline.cluster.acts == []


async def test_an_order_that_waited_too_long_is_not_done() -> None:
    made = await approved()
    late = replace(made.executor(), clock=lambda: made.order.expires)
    report = await late.execute(made.order)
    assert (report.result, report.reason) == (ActResult.NOT_DONE, "expired")
    assert made.pipeline.cluster.acts == []


async def test_a_replayed_order_repeats_its_outcome_whatever_its_body() -> None:
    made = await approved()
    first = await made.execute(made.order)
    assert await made.execute(made.order) == first
    assert await made.execute(made.order, action=SCALED, rollback=RATE) == first
    assert len(made.pipeline.cluster.acts) == 1


async def test_a_delivery_to_two_executors_after_a_rebalance_is_one_act() -> None:
    made = await approved()
    one, two = made.executor("executor/1"), made.executor("executor/2")
    reports = await asyncio.gather(one.execute(made.order), two.execute(made.order))
    assert reports[0] == reports[1]
    assert len(made.pipeline.cluster.acts) == 1


async def test_the_proposer_s_approval_is_refused_by_the_executor_too() -> None:
    made = await approved()
    executor = replace(made.executor(), proposer="alice")
    report = await executor.execute(made.order)
    assert report.reason == "proposer_approves"
    assert made.pipeline.cluster.acts == []


async def test_a_key_revoked_after_the_approval_stops_the_order(tmp_path: Path) -> None:
    made = await approved()
    path = tmp_path / "keyring.json"
    write_keyring(path, made.keys)
    executor = made.executor(keyring=Keyring.load(path))
    write_keyring(path, tuple(key.model_copy(update={"revoked": True}) for key in made.keys))
    report = await executor.execute(made.order)
    assert (report.result, report.reason) == (ActResult.NOT_DONE, "unknown_key")
    path.write_text("{}")
    order = made.order.model_copy(update={"approval_id": ApprovalId("next")})
    with pytest.raises(Transient, match="mend it"):
        await executor.execute(order)
    assert made.pipeline.cluster.acts == []
