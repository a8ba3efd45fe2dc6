"""By which rules a verified decision counts for what was asked, and why another does not."""

from collections.abc import Iterable
from datetime import datetime

from agents.approval.keyring import voice
from agents.contracts.approval import DecisionPayload, DecisionVerdict


def why_not_counted(
    decided: DecisionPayload,
    asked: DecisionPayload,
    *,
    now: datetime,
    barred: Iterable[str],
    before: Iterable[str],
) -> str | None:
    """Return why a decision does not decide what was asked, or None where it does.

    asked: the approval that would be exactly right. barred: who may not decide, by name. before:
    who has decided already. A refusal counts more easily than an approval: also from someone who
    has approved, or who signs the action alone, as older approvers do.
    """
    refuses = decided.verdict is DecisionVerdict.REFUSE
    checks = {
        "action-hash": decided.action_hash == asked.action_hash,
        "order-hash": decided.order_hash == asked.order_hash
        or (decided.order_hash is None and refuses),
        "cluster": decided.cluster == asked.cluster,
        "policy-version": decided.policy_version == asked.policy_version,
        "not-yet-valid": decided.not_before <= now,
        "expired": now < min(decided.expires, asked.expires),
        "approver-is-proposer": voice(decided.approver) not in set(barred),
        "second-decision": refuses or voice(decided.approver) not in set(map(voice, before)),
    }
    return next((name for name, holds in checks.items() if not holds), None)
