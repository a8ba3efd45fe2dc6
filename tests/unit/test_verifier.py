"""The verifier: only what a known key signed for the purpose goes on; each fault has its code."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.approval.keyring import KeyEntry, Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey, sign_decision, sign_judgement
from agents.contracts.approval import (
    ActionDecided,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
)
from agents.contracts.envelope import Event
from agents.contracts.feedback import (
    Judgement,
    JudgementPayload,
    JudgementVerified,
    OutcomeJudged,
)
from agents.contracts.ids import ApprovalId, EventId, IncidentId
from agents.contracts.model_base import Fact
from agents.verifier import VerifierWorker
from agents.worker import Poison, Transient

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
HASH = "0" * 64


def worker(*entries: KeyEntry) -> VerifierWorker:
    return VerifierWorker(Keyring(entries), clock=lambda: NOW)


def event(fact: Fact) -> Event:
    return Event(id=EventId("e"), source="/outside", time=NOW, key="any", fact=fact)


def decision(key: SigningKey = KEY, **changes: object) -> ActionDecided:
    fields = {
        "approval_id": ApprovalId("a"),
        "incident_id": IncidentId("i"),
        "action_hash": HASH,
        "verdict": DecisionVerdict.APPROVE,
        "approver": "alice",
        "not_before": NOW - timedelta(minutes=1),
        "expires": NOW + timedelta(minutes=10),
        "cluster": "lab",
        "policy_version": "1",
    }
    return sign_decision(key, DecisionPayload.model_validate(fields | changes))


def judgement(key: SigningKey = KEY, **changes: object) -> OutcomeJudged:
    fields = {
        "incident_id": IncidentId("i"),
        "plan_id": None,
        "judgement": Judgement.SUCCESS,
        "judge": "oracle",
        "judged_at": NOW,
    }
    return sign_judgement(key, JudgementPayload.model_validate(fields | changes))


APPROVER = KEY.entry("alice", Purpose.APPROVE)
JUDGE = KEY.entry("oracle", Purpose.JUDGE)


async def test_a_signed_decision_goes_on_under_its_incident() -> None:
    (output,) = await worker(APPROVER).handle(event(decision()))
    assert output.fact == DecisionVerified(incident_id=IncidentId("i"), decision=decision())
    assert (output.key, output.incident) == ("i", "i")
    assert (await worker(APPROVER).handle(event(decision())))[0].id == output.id


async def test_a_signed_judgement_goes_on_under_its_incident() -> None:
    (output,) = await worker(JUDGE).handle(event(judgement()))
    assert output.fact == JudgementVerified(incident_id=IncidentId("i"), judgement=judgement())
    assert output.key == "i"


async def test_a_late_decision_goes_on_for_the_gate_to_answer() -> None:
    late = decision(not_before=NOW - timedelta(hours=1), expires=NOW - timedelta(minutes=1))
    assert len(await worker(APPROVER).handle(event(late))) == 1


def changed(**changes: object) -> ActionDecided:
    whole = decision()
    payload = whole.payload.model_copy(update=changes)
    return whole.model_copy(update={"payload": payload})


def signed_as(text: str) -> ActionDecided:
    return decision().model_copy(update={"signature": text})


REVOKED = APPROVER.model_copy(update={"revoked": True})
PAST = APPROVER.model_copy(update={"not_after": NOW})
COMING = APPROVER.model_copy(update={"not_before": NOW + timedelta(days=1)})

BAD = {
    "nobody's": ((), decision(), "unknown-key"),
    "another's key": ((APPROVER,), decision(OTHER), "bad-signature"),
    "another's name": ((APPROVER,), decision(OTHER, approver="mallory"), "unknown-key"),
    "revoked": ((REVOKED,), decision(), "revoked-key"),
    "past": ((PAST,), decision(), "key-expired"),
    "coming": ((COMING,), decision(), "key-not-yet-valid"),
    "a judge's": ((KEY.entry("alice", Purpose.JUDGE),), decision(), "wrong-purpose"),
    "the gate's": ((KEY.entry("alice", Purpose.GATE),), decision(), "wrong-purpose"),
    "verdict turned": ((APPROVER,), changed(verdict=DecisionVerdict.REFUSE), "bad-signature"),
    "other incident": ((APPROVER,), changed(incident_id=IncidentId("j")), "bad-signature"),
    "other action": ((APPROVER,), changed(action_hash="1" * 64), "bad-signature"),
    "not base64": ((APPROVER,), signed_as("!" * 88), "malformed"),
    "too long": ((APPROVER,), signed_as("B" * 88), "malformed"),
    "zeros": ((APPROVER,), signed_as("A" * 86 + "=="), "unsigned"),
    "not yet": ((APPROVER,), decision(not_before=NOW + timedelta(minutes=1)), "not-yet-valid"),
    "for ever": ((APPROVER,), decision(expires=NOW + timedelta(days=2)), "too-long-valid"),
    "for ever and late": (
        (APPROVER,),
        changed(not_before=datetime(2026, 11, 20, 12, 0), expires=NOW),  # noqa: DTZ001 - naive
        "malformed",
    ),
    "approver judges": ((APPROVER,), judgement(judge="alice"), "wrong-purpose"),
    "judge unknown": ((APPROVER,), judgement(), "unknown-key"),
    "judge forged": ((JUDGE,), judgement(OTHER), "bad-signature"),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_nobody_may_have_signed_so_is_poison(case: str) -> None:
    entries, fact, code = BAD[case]
    with pytest.raises(Poison) as caught:
        await worker(*entries).handle(event(fact))
    assert caught.value.code == code


async def test_a_revocation_counts_at_once_and_a_broken_keyring_makes_wait(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (APPROVER,))
    verifier = VerifierWorker(Keyring.load(path), clock=lambda: NOW)
    assert await verifier.handle(event(decision()))
    write_keyring(path, (REVOKED,))
    with pytest.raises(Poison) as caught:
        await verifier.handle(event(decision()))
    assert caught.value.code == "revoked-key"
    path.write_text("{")
    with pytest.raises(Transient):
        await verifier.handle(event(decision()))
