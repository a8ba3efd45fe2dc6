"""Test vectors for approvers in other languages: payloads, their canonical bytes, signatures.

`python -m agents.approval.vectors FILE` writes them; the committed file equals its output, and a
test in JavaScript makes the same bytes and signatures. The seed is public: it signs nothing else.
"""

import base64
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from agents.approval.binding import control_bytes, decision_bytes, order_hash
from agents.approval.canonical import Domain, action_hash, canonical_bytes, canonical_json
from agents.approval.signing import SigningKey, sign_control, sign_decision, sign_judgement
from agents.contracts.action import (
    Action,
    PatchResource,
    ScaleWorkload,
    SetEnv,
    Touched,
    Workload,
)
from agents.contracts.approval import BoundOrder, DecisionPayload, DecisionVerdict
from agents.contracts.feedback import ControlKind, ControlPayload, Judgement, JudgementPayload
from agents.contracts.ids import ApprovalId, IncidentId

SEED = hashlib.sha256(b"AOI test vectors").digest()
_MOMENT = datetime(2026, 11, 23, 7, 14, 5, 120_000, tzinfo=UTC)
_WORKLOAD = Workload(kind="deployments", namespace="hotel", name="geo")
_ACTIONS: tuple[Action, ...] = (
    ScaleWorkload(workload=_WORKLOAD, replicas=3),
    SetEnv(workload=_WORKLOAD, variables=(("GREETING", 'ä "\\\u20ac \U0001f600\n'), ("OLD", None))),
    PatchResource(
        kind="services", namespace="hotel", name="geo", strategy="merge", patch='{"spec":{}}'
    ),
)
_ORDERS = (
    BoundOrder(
        action=_ACTIONS[0],
        touched=(
            Touched(kind="deployments", namespace="hotel", name="geo", resource_version="4711"),
        ),
        rollback=ScaleWorkload(workload=_WORKLOAD, replicas=0),
        pods_affected=3,
        incident_namespace="hotel",
        severity="critical",
        confidence=80,
    ),
    BoundOrder(
        action=_ACTIONS[2],
        touched=(Touched(kind="services", namespace="hotel", name="geo", resource_version=None),),
        rollback=None,
        pods_affected=0,
        incident_namespace=None,
        severity="",
        confidence=0,
    ),
)
_NUMBERS = (0, -1, 1.5, 1e-7, 1e21, 123456789012345680.0, 5e-324, 1e-6, 100.0, -0.0)


def vectors() -> dict[str, JsonValue]:
    """Return every vector as plain JSON data."""
    key = SigningKey(SEED)
    decision = DecisionPayload(
        approval_id=ApprovalId("approval-1"),
        incident_id=IncidentId("incident-1"),
        action_hash=action_hash(_ACTIONS[0]),
        order_hash=order_hash(_ORDERS[0]),
        verdict=DecisionVerdict.APPROVE,
        approver="änne",
        not_before=_MOMENT,
        expires=_MOMENT + timedelta(minutes=15),
        cluster="lab",
        policy_version="0" * 64,
    )
    refusal = decision.model_copy(update={"verdict": DecisionVerdict.REFUSE, "order_hash": None})
    judgement = JudgementPayload(
        incident_id=IncidentId("incident-1"),
        plan_id=None,
        judgement=Judgement.SUCCESS,
        judge="lab",
        judged_at=_MOMENT,
    )
    control = ControlPayload(
        kind=ControlKind.PAUSE_EXECUTOR, operator="otto", issued_at=_MOMENT, reason="drill"
    )
    resumed = ControlPayload(
        kind=ControlKind.RESUME_EXECUTOR, operator="otto", issued_at=_MOMENT, cluster="lab"
    )
    signed: list[tuple[Domain, DecisionPayload | JudgementPayload | ControlPayload, str]] = [
        (Domain.DECISION, decision, sign_decision(key, decision).signature),
        (Domain.DECISION, refusal, sign_decision(key, refusal).signature),
        (Domain.JUDGEMENT, judgement, sign_judgement(key, judgement).signature),
        (Domain.CONTROL, control, sign_control(key, control).signature),
        (Domain.CONTROL, resumed, sign_control(key, resumed).signature),
    ]
    return {
        "seed": base64.b64encode(SEED).decode(),
        "public_key": key.public_key,
        "actions": [
            {
                "action": action.model_dump(mode="json"),
                "canonical": canonical_json(action),
                "hash": action_hash(action),
            }
            for action in _ACTIONS
        ],
        "orders": [
            {
                "order": order.model_dump(mode="json"),
                "canonical": canonical_json(order),
                "hash": order_hash(order),
            }
            for order in _ORDERS
        ],
        "signed": [
            {
                "domain": domain.value,
                "payload": _plain(payload),
                "bytes": base64.b64encode(_bytes(domain, payload)).decode(),
                "signature": signature,
            }
            for domain, payload, signature in signed
        ],
        "numbers": [{"value": value, "canonical": canonical_json(value)} for value in _NUMBERS],
    }


def _bytes(domain: Domain, payload: DecisionPayload | JudgementPayload | ControlPayload) -> bytes:
    if isinstance(payload, DecisionPayload):
        return decision_bytes(payload)
    if isinstance(payload, ControlPayload):
        return control_bytes(payload)
    return canonical_bytes(domain, payload)


def _plain(payload: DecisionPayload | JudgementPayload | ControlPayload) -> dict[str, JsonValue]:
    """Return the payload as it is sent: a null `order_hash` or `cluster` is left out."""
    plain: dict[str, JsonValue] = payload.model_dump(mode="json")
    for later in ("order_hash", "cluster"):
        if plain.get(later, "") is None:
            del plain[later]
    return plain


def main(arguments: list[str]) -> None:
    """Write the vectors into the file that is named."""
    (path,) = arguments
    text = json.dumps(vectors(), indent=1, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
