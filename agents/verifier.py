"""The verifier: decisions and judgements of outsiders in, those that a known key signed out.

Invariant: nothing leaves unless a key of the keyring that serves the purpose made the signature
over exactly this payload; topic, record's key and headers prove nothing. What fails is `Poison`
with the reason. A decision that is merely late goes on: the gate answers it on the audit.
"""

import base64
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from datetime import datetime

from agents.approval.keyring import KeyEntry, Keyring, KeyringInvalid, Purpose
from agents.approval.verify import (
    DecisionRejected,
    RejectCode,
    check_decision,
    check_judgement,
)
from agents.contracts.approval import ActionDecided, DecisionVerified
from agents.contracts.envelope import Event
from agents.contracts.feedback import JudgementVerified, OutcomeJudged
from agents.contracts.ids import event_id
from agents.reducer import Output
from agents.roles import Role
from agents.worker import Poison, Transient

SIGNATURE_BYTES = 64


class VerifierWorker:
    """The worker of role `verifier`. `clock` judges the validity of keys and payloads."""

    role = Role.VERIFIER

    def __init__(self, keyring: Keyring, *, clock: Callable[[], datetime]) -> None:
        self._keyring = keyring
        self._clock = clock

    async def handle(self, event: Event) -> Sequence[Output]:
        """Return the verified fact keyed by its incident; raises `Poison` or `Transient`."""
        match event.fact:
            case ActionDecided():
                return (self._decided(event.fact),)
            case OutcomeJudged():
                return (self._judged(event.fact),)
        return ()

    def _decided(self, decision: ActionDecided) -> Output:
        payload = decision.payload
        _formed(decision.signature, payload.not_before, payload.expires)
        keyring, now = self._trusted(), self._clock()
        try:
            key = check_decision(decision, keyring=keyring, now=now)
        except DecisionRejected as rejected:
            if rejected.code is not RejectCode.EXPIRED:
                raise _poison(
                    rejected, keyring, payload.approver, Purpose.APPROVE, now
                ) from rejected
        else:
            _serves(key, Purpose.APPROVE)
        incident = payload.incident_id
        return Output(
            id=event_id(incident, DecisionVerified.__name__, decision.signature),
            key=incident,
            fact=DecisionVerified(incident_id=incident, decision=decision),
            incident=incident,
        )

    def _judged(self, judgement: OutcomeJudged) -> Output:
        payload = judgement.payload
        _formed(judgement.signature, payload.judged_at)
        keyring, now = self._trusted(), self._clock()
        try:
            check_judgement(judgement, keyring=keyring, now=now)
        except DecisionRejected as rejected:
            raise _poison(rejected, keyring, payload.judge, Purpose.JUDGE, now) from rejected
        incident = payload.incident_id
        return Output(
            id=event_id(incident, JudgementVerified.__name__, judgement.signature),
            key=incident,
            fact=JudgementVerified(incident_id=incident, judgement=judgement),
            incident=incident,
        )

    def _trusted(self) -> Keyring:
        """Return the keyring as its file is now; while that is broken, decisions wait."""
        try:
            self._keyring.reload_if_changed()
        except KeyringInvalid as error:
            raise Transient(f"the keyring can't be trusted, mend it: {error}") from error
        return self._keyring


def _formed(signature: str, *times: datetime) -> None:
    """Refuse what can't be a signature, and times that have no canonical form."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except NotBase64 as error:
        raise Poison("malformed", f"expected the signature in base64: {error}") from error
    if len(raw) != SIGNATURE_BYTES:
        raise Poison("malformed", f"expected a signature of 64 bytes, got {len(raw)}")
    if not any(raw):
        raise Poison("unsigned", "expected a signature, got 64 zero bytes")
    if any(time.tzinfo is None for time in times):
        raise Poison("malformed", "expected times with their zone in the payload")


def _serves(key: KeyEntry, purpose: Purpose) -> None:
    """Refuse the gate's key: it signs orders inside the gate, never decisions from outside."""
    if purpose not in key.purposes:
        raise Poison("wrong-purpose", f"the key of {key.name!r} may not {purpose}")


def _poison(
    rejected: DecisionRejected, keyring: Keyring, name: str, purpose: Purpose, now: datetime
) -> Poison:
    code = rejected.code.replace("_", "-")
    if rejected.code is RejectCode.UNKNOWN_KEY:
        code = _why_unknown(keyring, name, purpose, now)
    return Poison(code, rejected.message)


def _why_unknown(keyring: Keyring, name: str, purpose: Purpose, now: datetime) -> str:
    entries = [entry for entry in keyring.keys if entry.name == name]
    if not entries:
        return "unknown-key"
    valid = [entry for entry in entries if not entry.revoked]
    if not valid:
        return "revoked-key"
    if not any(purpose in entry.purposes for entry in valid):
        return "wrong-purpose"
    early = any(entry.not_before is not None and now < entry.not_before for entry in valid)
    return "key-not-yet-valid" if early else "key-expired"
