"""Which rule says that a decision does not count, and at which moment."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.approval.counting import why_not_counted
from agents.contracts.approval import DecisionPayload, DecisionVerdict

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def payload(**changes: object) -> DecisionPayload:
    fields: dict[str, object] = {
        "approval_id": "approval-1",
        "incident_id": "incident-1",
        "action_hash": "a" * 64,
        "order_hash": "b" * 64,
        "verdict": "approve",
        "approver": "anna",
        "not_before": NOW,
        "expires": NOW + timedelta(minutes=14),
        "cluster": "lab",
        "policy_version": "c" * 64,
    }
    return DecisionPayload.model_validate(fields | changes)


ASKED = payload(approver="gate")
REFUSE = {"verdict": DecisionVerdict.REFUSE}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"action_hash": "d" * 64}, "action-hash"),
        ({"order_hash": "d" * 64}, "order-hash"),
        ({"order_hash": None}, "order-hash"),
        ({"order_hash": None, **REFUSE}, None),
        ({"order_hash": "d" * 64, **REFUSE}, "order-hash"),
        ({"cluster": "prod"}, "cluster"),
        ({"policy_version": "d" * 64}, "policy-version"),
        ({"not_before": NOW + timedelta(seconds=1)}, "not-yet-valid"),
        ({"expires": NOW}, "expired"),
        ({"expires": NOW + timedelta(seconds=1)}, None),
        ({"approver": "aoi/observer"}, "approver-is-proposer"),
        ({"approver": "Gate"}, "approver-is-proposer"),
        ({"approver": "aoi/observer", **REFUSE}, "approver-is-proposer"),
        ({"approver": "otto"}, "second-decision"),
        ({"approver": "Otto"}, "second-decision"),
        ({"approver": "otto", **REFUSE}, None),
    ],
)
def test_a_decision_counts_or_says_why_it_does_not(
    changes: dict[str, object], why: str | None
) -> None:
    found = why_not_counted(
        payload(**changes), ASKED, now=NOW, barred=("aoi/observer", "gate"), before=("otto",)
    )
    assert found == why


def test_the_request_s_own_end_counts_too() -> None:
    asked = payload(expires=NOW + timedelta(seconds=5))
    for seconds, why in ((4, None), (5, "expired")):
        moment = NOW + timedelta(seconds=seconds)
        found = why_not_counted(payload(), asked, now=moment, barred=(), before=())
        assert found == why
