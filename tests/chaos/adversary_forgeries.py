"""What thieves write with stolen logins: decisions, orders and controls that must not count.

Invariant: each forgery is about a request that the person never approves, or repeats one that was
done; none is built with a key that may sign it, over fields that may stand in it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from agents.approval.keyring import Purpose, write_keyring
from agents.approval.signing import SigningKey, sign_control, sign_decision
from agents.contracts.action import ScaleWorkload
from agents.contracts.approval import (
    ActionApproved,
    ActionDecided,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
)
from agents.contracts.envelope import Event
from agents.contracts.feedback import ControlIssued, ControlKind, ControlPayload
from agents.contracts.ids import ApprovalId, EventId
from agents.contracts.model_base import Fact
from agents.gate import GATE_KEY, PROPOSER
from streams.codec import Record, encode
from streams.topic import MAX_RECORD_BYTES

PERSON, SOURCE = "alice", "aoi/thief"
APPROVE, REFUSE = DecisionVerdict.APPROVE, DecisionVerdict.REFUSE
EVE = SigningKey(b"e" * 32)
NO_SIGNATURE = "A" * 86 + "=="
Made = tuple[EventId, Record]


@dataclass(frozen=True, slots=True)
class Keys:
    """The person's key, and keys that the keyring knows and that may not approve."""

    person: SigningKey
    revoked: SigningKey
    proposer: SigningKey
    folder: Path

    @classmethod
    def settle(cls, state: Path) -> "Keys":
        """Draw the keys and write the keyring; the stack adds its own to it."""
        keys = cls(*(SigningKey.generate() for _ in range(3)), state / "keys")
        mallory = keys.revoked.entry("mallory", Purpose.APPROVE)
        write_keyring(
            state / "keyring.json",
            (
                keys.person.entry(PERSON, Purpose.APPROVE),
                mallory.model_copy(update={"revoked": True}),
                keys.proposer.entry(PROPOSER, Purpose.APPROVE),
            ),
        )
        return keys

    def of(self, name: str) -> SigningKey:
        """Return a key of the stack itself: stolen, where a thief uses it."""
        return SigningKey.load(self.folder / f"{name}.key")


def recorded(fact: Fact, key: str) -> Made:
    """Return a fact as a record that nobody has written before."""
    event = Event(
        id=EventId(f"thief-{uuid4().hex}"),
        source=SOURCE,
        time=datetime.now(UTC),
        key=key,
        fact=fact,
    )
    return event.id, encode(event)


def decision(
    asked: ApprovalRequested, key: SigningKey, approver: str = PERSON, /, **changes: object
) -> ActionDecided:
    """Return an approval of a request, signed by a key, with other members."""
    fields: dict[str, object] = {
        "approval_id": asked.approval_id,
        "incident_id": asked.incident_id,
        "action_hash": asked.action_hash,
        "order_hash": asked.order_hash,
        "verdict": APPROVE,
        "approver": approver,
        "not_before": asked.requested_at,
        "expires": asked.expires,
        "cluster": asked.cluster,
        "policy_version": asked.policy_version,
    }
    return sign_decision(key, DecisionPayload.model_validate(fields | changes))


def order(asked: ApprovalRequested, *decisions: ActionDecided, **changes: object) -> ActionApproved:
    """Return the order that the gate would make of a request and these decisions."""
    fields: dict[str, object] = {
        **asked.model_dump(include=ActionApproved.model_fields.keys() & asked.model_fields_set),
        **asked.preview.model_dump(include={"touched", "rollback", "pods_affected"}),
        "iteration": 1,
        "decisions": decisions,
    }
    return ActionApproved.model_validate(fields | changes)


Decision = Callable[[Keys, ApprovalRequested], ActionDecided]
_ago, _ahead = timedelta(seconds=-5), timedelta(hours=1)


def _signed(**changes: object) -> Decision:
    """Return a decision that the person's own key signed, with members that must not count."""
    return lambda keys, asked: decision(asked, keys.person, PERSON, **changes)


def _now(moved: timedelta) -> datetime:
    return datetime.now(UTC) + moved


def _turned(keys: Keys, asked: ApprovalRequested) -> ActionDecided:
    """Return the person's refusal with its verdict turned over."""
    signed = decision(asked, keys.person, verdict=REFUSE)
    turned = signed.payload.model_copy(update={"verdict": APPROVE})
    return signed.model_copy(update={"payload": turned})


DECISIONS: dict[str, Decision] = {
    "unknown key": lambda keys, asked: decision(asked, EVE, "eve"),
    "the person's name, another's key": lambda keys, asked: decision(asked, EVE),
    "no signature": lambda keys, asked: decision(asked, EVE).model_copy(
        update={"signature": NO_SIGNATURE}
    ),
    "a refusal turned over": _turned,
    "revoked key": lambda keys, asked: decision(asked, keys.revoked, "mallory"),
    "key for something else": lambda keys, asked: decision(asked, keys.of("lab"), "lab"),
    "the gate's key, stolen": lambda keys, asked: decision(asked, keys.of("gate"), GATE_KEY),
    "the proposer approves": lambda keys, asked: decision(asked, keys.proposer, PROPOSER),
    "expired": lambda keys, asked: decision(asked, keys.person, PERSON, expires=_now(_ago)),
    "not yet valid": lambda keys, asked: decision(
        asked, keys.person, PERSON, not_before=_now(_ahead), expires=_now(2 * _ahead)
    ),
    "valid too long": lambda keys, asked: decision(
        asked, keys.person, PERSON, expires=_now(48 * _ahead)
    ),
    "another cluster": _signed(cluster="prod"),
    "another policy": _signed(policy_version="0" * 64),
    "another action": _signed(action_hash="0" * 64),
    "another order": _signed(order_hash="0" * 64),
    "the action alone": _signed(order_hash=None),
    "another approval": lambda keys, asked: decision(
        asked, keys.person, PERSON, approval_id=ApprovalId(f"thief-{uuid4().hex}")
    ),
}


def _with(value: Callable[[bytes], bytes | None]) -> Callable[[Keys, ApprovalRequested], Made]:
    """Return a forged decision whose bytes are changed."""

    def make(keys: Keys, asked: ApprovalRequested) -> Made:
        made, record = recorded(decision(asked, EVE), asked.approval_id)
        assert record.value is not None
        return made, replace(record, value=value(record.value))

    return make


def _more(value: bytes) -> bytes:
    body = json.loads(value)
    body["payload"]["rollback"] = None
    return json.dumps(body).encode()


RAW: dict[str, Callable[[Keys, ApprovalRequested], Made]] = {
    "too large": _with(lambda value: value[:-1] + b" " * MAX_RECORD_BYTES + b"}"),
    "tombstone": _with(lambda value: None),
    "no JSON": _with(lambda value: value[:-9]),
    "a member too many": _with(_more),
    "an order among decisions": lambda keys, asked: recorded(
        order(asked, decision(asked, EVE)), asked.approval_id
    ),
}

Order = Callable[[Keys, ApprovalRequested, ActionDecided], ActionApproved]
ORDERS: dict[str, Order] = {
    "unsigned": lambda keys, asked, other: order(
        asked, decision(asked, EVE).model_copy(update={"signature": NO_SIGNATURE})
    ),
    "the person's name, another's key": lambda keys, asked, other: order(
        asked, decision(asked, EVE)
    ),
    "unknown key": lambda keys, asked, other: order(asked, decision(asked, EVE, "eve")),
    "the gate's name, another's key": lambda keys, asked, other: order(
        asked, decision(asked, EVE, GATE_KEY)
    ),
    "the gate's key, stolen": lambda keys, asked, other: order(
        asked, decision(asked, keys.of("gate"), GATE_KEY)
    ),
    "revoked key": lambda keys, asked, other: order(
        asked, decision(asked, keys.revoked, "mallory")
    ),
    "the proposer approves": lambda keys, asked, other: order(
        asked, decision(asked, keys.proposer, PROPOSER)
    ),
    "the person's refusal": lambda keys, asked, other: order(
        asked, decision(asked, keys.person, PERSON, verdict=REFUSE)
    ),
    "a refusal turned over": lambda keys, asked, other: order(asked, _turned(keys, asked)),
    "a genuine approval of another act": lambda keys, asked, other: order(asked, other),
    "another cluster": lambda keys, asked, other: order(asked, other, cluster="prod"),
    "another policy": lambda keys, asked, other: order(asked, other, policy_version="0" * 64),
    "expired": lambda keys, asked, other: order(asked, other, expires=_now(_ago)),
}


def rebound(done: ActionApproved) -> dict[str, ActionApproved]:
    """Return a genuine order that was done, bound anew to something else."""
    assert isinstance(done.action, ScaleWorkload)
    more = done.action.model_copy(update={"replicas": done.action.replicas + 1})
    new = ApprovalId(f"thief-{uuid4().hex}")
    return {
        "done, same id, another action": done.model_copy(update={"action": more}),
        "done, same id, another rollback": done.model_copy(update={"rollback": more}),
        "done, as another approval": done.model_copy(update={"approval_id": new}),
        "done, as another approval, another action": done.model_copy(
            update={"approval_id": ApprovalId(f"{new}-2"), "action": more}
        ),
    }


def _control(key: SigningKey, operator: str, **changes: object) -> ControlIssued:
    fields: dict[str, object] = {
        "kind": ControlKind.PAUSE_EXECUTOR,
        "operator": operator,
        "issued_at": datetime.now(UTC),
        "reason": "by a thief",
    }
    return sign_control(key, ControlPayload.model_validate(fields | changes))


CONTROLS: dict[str, Callable[[Keys], ControlIssued]] = {
    "pause, unknown key": lambda keys: _control(EVE, "eve"),
    "pause, the operator's name": lambda keys: _control(EVE, "operator"),
    "pause, an approver's key": lambda keys: _control(keys.person, PERSON),
    "pause, expired": lambda keys: _control(keys.of("operator"), "operator", expires=_now(_ago)),
    "resume, from the future": lambda keys: _control(
        keys.of("operator"),
        "operator",
        kind=ControlKind.RESUME_EXECUTOR,
        issued_at=_now(24 * _ahead),
    ),
}
