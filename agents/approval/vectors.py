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

from agents.approval.canonical import Domain, action_hash, canonical_bytes, canonical_json
from agents.approval.signing import SigningKey, sign_control, sign_decision, sign_judgement
from agents.contracts.action import Action, PatchResource, ScaleWorkload, SetEnv, Workload
from agents.contracts.approval import DecisionPayload, DecisionVerdict
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
_NUMBERS = (0, -1, 1.5, 1e-7, 1e21, 123456789012345680.0, 5e-324, 1e-6, 100.0, -0.0)


def vectors() -> dict[str, JsonValue]:
    """Return every vector as plain JSON data."""
    key = SigningKey(SEED)
    decision = DecisionPayload(
        approval_id=ApprovalId("approval-1"),
        incident_id=IncidentId("incident-1"),
        action_hash=action_hash(_ACTIONS[0]),
        verdict=DecisionVerdict.APPROVE,
        approver="änne",
        not_before=_MOMENT,
        expires=_MOMENT + timedelta(minutes=15),
        cluster="lab",
        policy_version="0" * 64,
    )
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
    signed: list[tuple[Domain, DecisionPayload | JudgementPayload | ControlPayload, str]] = [
        (Domain.DECISION, decision, sign_decision(key, decision).signature),
        (Domain.JUDGEMENT, judgement, sign_judgement(key, judgement).signature),
        (Domain.CONTROL, control, sign_control(key, control).signature),
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
        "signed": [
            {
                "domain": domain.value,
                "payload": payload.model_dump(mode="json"),
                "bytes": base64.b64encode(canonical_bytes(domain, payload)).decode(),
                "signature": signature,
            }
            for domain, payload, signature in signed
        ],
        "numbers": [{"value": value, "canonical": canonical_json(value)} for value in _NUMBERS],
    }


def main(arguments: list[str]) -> None:
    """Write the vectors into the file that is named."""
    (path,) = arguments
    text = json.dumps(vectors(), indent=1, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
