"""Decisions made on the approver's side pass the verifier, and only for what was shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.approval.verify import check_decision
from agents.contracts.action import Preview, RestartRollout, SetImage, Workload
from agents.contracts.approval import (
    ActionDecided,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
    Risk,
)
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId, EventId, IncidentId, PlanId, derive
from agents.policy.actions import command_of, words_of
from agents.policy.render import line_of
from streams.approvals.client import approvers_of
from streams.approvals.decision import RequestFalse, decide, event_of
from streams.approvals.shown import shown_of, told_of
from streams.codec import Received, Source, decode
from streams.topics import ACTIONS_DECIDED
from streams.wire import outgoing

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = SigningKey(b"k" * 32)
ACTION = RestartRollout(workload=Workload(kind="deployments", namespace="shop", name="cart"))
UNBOUND = ApprovalRequested(
    approval_id=ApprovalId("a"),
    incident_id=IncidentId("i"),
    plan_id=PlanId("p"),
    action=ACTION,
    action_hash=action_hash(ACTION),
    words=words_of(ACTION),
    line=line_of(command_of(ACTION)),
    preview=Preview(diff="", touched=(), rollback=None, pods_affected=1),
    risk=Risk.LOW,
    evidence="e",
    confidence=70,
    proposer="observer",
    severity="critical",
    cluster="lab",
    policy_version="1",
    requested_at=NOW,
    expires=NOW + timedelta(minutes=15),
)
REQUEST = UNBOUND.model_copy(update={"order_hash": order_hash(bound_by_request(UNBOUND))})
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ASKED = Event(
    id=EventId("r"), source="aoi/gate", time=NOW, key="a", fact=REQUEST, traceparent=TRACE
)


def decision(
    verdict: DecisionVerdict = DecisionVerdict.APPROVE, key: SigningKey = KEY
) -> ActionDecided:
    return decide(REQUEST, verdict, approver="alice", key=key)


@pytest.mark.parametrize("verdict", list(DecisionVerdict))
def test_a_decision_is_one_that_the_keyring_vouches_for(verdict: DecisionVerdict) -> None:
    keyring = Keyring((KEY.entry("alice", Purpose.APPROVE),))
    decision = decide(REQUEST, verdict, approver="alice", key=KEY, comment="c" * 3000)
    check_decision(decision, keyring=keyring, now=NOW)
    assert decision.payload.verdict is verdict
    assert decision.payload.expires == REQUEST.expires
    assert len(decision.comment) == 2000


def test_what_is_signed_is_what_the_request_says() -> None:
    made = decision()
    assert made.comment == ""
    assert made.payload == DecisionPayload(
        approval_id=REQUEST.approval_id,
        incident_id=REQUEST.incident_id,
        action_hash=action_hash(ACTION),
        order_hash=REQUEST.order_hash,
        verdict=DecisionVerdict.APPROVE,
        approver="alice",
        not_before=NOW,
        expires=NOW + timedelta(minutes=15),
        cluster="lab",
        policy_version="1",
    )


def test_the_same_verdict_is_the_same_event_and_another_is_not() -> None:
    made = [event_of(decision(), ASKED) for _ in range(2)]
    assert made[0] == made[1]
    others = [decision(DecisionVerdict.REFUSE), decision(key=SigningKey(b"o" * 32))]
    assert len({made[0].id, *(event_of(one, ASKED).id for one in others)}) == 3


def test_a_decision_is_told_of_its_request_and_its_incident() -> None:
    event = event_of(decision(), ASKED)
    assert event.source == "/approvers/alice"
    assert (event.key, event.incident, event.cause) == ("a", "i", "r")
    assert (event.time, event.traceparent) == (NOW, TRACE)
    assert event.id == derive("decision", decision().signature)


def test_a_request_that_shows_another_act_is_not_signed() -> None:
    for part in ("action_hash", "order_hash"):
        false = REQUEST.model_copy(update={part: "0" * 64})
        lie = (
            f"request 'a' shows an? {part[:-5]} of hash {getattr(REQUEST, part)} and asks for 0000"
        )
        with pytest.raises(RequestFalse, match=lie):
            decide(false, DecisionVerdict.APPROVE, approver="alice", key=KEY)


EVIL = SetImage(workload=ACTION.workload, container="geo", image="evil.example/x:1")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"words": "Scale it."},
            "tells of its act by the sentence 'Scale it.', expected 'Restart all pods",
        ),
        (
            {"line": "kubectl get pods"},
            "tells of its act by the line 'kubectl get pods', expected 'kubectl rollout restart",
        ),
        ({"risk": Risk.HIGH}, "tells of its act by the risk 'high', expected 'low'"),
        (
            {"action": EVIL, "action_hash": action_hash(EVIL)},
            "tells of its act by the sentence 'Restart all pods.*expected 'Set the image",
        ),
    ],
    ids=["words", "line", "risk", "another act with a true hash"],
)
@pytest.mark.parametrize("verdict", list(DecisionVerdict))
def test_a_request_that_tells_of_another_act_is_not_signed(
    verdict: DecisionVerdict, changes: dict[str, object], told: str
) -> None:
    false = REQUEST.model_copy(update=changes)
    false = false.model_copy(update={"order_hash": order_hash(bound_by_request(false))})
    with pytest.raises(RequestFalse, match=told):
        decide(false, verdict, approver="alice", key=KEY)


def test_a_request_is_told_as_its_act_has_it() -> None:
    false = REQUEST.model_copy(update={"words": "w", "line": "l", "risk": Risk.HIGH})
    assert told_of(false) == REQUEST
    assert shown_of(REQUEST).faults == ()


def test_an_act_that_is_no_command_is_not_signed() -> None:
    strange = ACTION.model_copy(
        update={"workload": ACTION.workload.model_copy(update={"name": "a b"})}
    )
    false = REQUEST.model_copy(
        update={"action": strange, "action_hash": action_hash(strange), "line": ""}
    )
    with pytest.raises(RequestFalse, match="asks for an act that is no command"):
        decide(false, DecisionVerdict.APPROVE, approver="alice", key=KEY)


def test_a_request_that_shows_another_rollback_is_not_signed() -> None:
    preview = REQUEST.preview.model_copy(update={"rollback": ACTION})
    with pytest.raises(RequestFalse):
        decide(
            REQUEST.model_copy(update={"preview": preview}),
            DecisionVerdict.APPROVE,
            approver="alice",
            key=KEY,
        )


def test_the_record_of_a_decision_is_read_back_equal() -> None:
    event = event_of(decide(REQUEST, DecisionVerdict.REFUSE, approver="alice", key=KEY), ASKED)
    (one,) = outgoing(event)
    assert one.topic == ACTIONS_DECIDED.name
    received = Received(source=Source(one.topic, one.partition), offset=0, record=one.record)
    assert decode(received, ACTIONS_DECIDED.facts) == event


def verified(approver: str, /, *, late: float = 1, **changes: object) -> Event:
    """Return a decision as the verifier publishes it, `late` minutes after the request."""
    made = decide(REQUEST, DecisionVerdict.APPROVE, approver=approver, key=KEY)
    payload = made.payload.model_copy(update=changes)
    fact = DecisionVerified(
        incident_id=REQUEST.incident_id, decision=made.model_copy(update={"payload": payload})
    )
    moment = NOW + timedelta(minutes=late)
    return Event(id=EventId(approver), source="aoi/verifier", time=moment, key="i", fact=fact)


def test_who_has_approved_is_told_by_different_voices() -> None:
    found = [verified("alice"), verified("Alice "), verified("bob"), ASKED]
    assert approvers_of(REQUEST, found) == ("alice", "bob")


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": DecisionVerdict.REFUSE},
        {"approval_id": ApprovalId("another")},
        {"order_hash": None},
        {"policy_version": "2"},
        {"cluster": "prod"},
        {"approver": "observer"},
        {"late": 15},
        {"not_before": NOW + timedelta(minutes=2)},
    ],
)
def test_what_the_gate_would_not_count_is_no_approval(changes: dict[str, Any]) -> None:
    assert approvers_of(REQUEST, [verified("alice", **changes)]) == ()
