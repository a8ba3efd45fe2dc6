"""What an approver binds: an order that differs in anything that it acts by has another hash."""

import pytest

from agents.approval.binding import bound_by_order, bound_by_request, order_hash
from agents.contracts.action import RestartRollout, Touched, Workload
from agents.contracts.approval import ActionApproved, ApprovalRequested
from tests.unit.approvals.test_decision import NOW, REQUEST, decision

OTHER = RestartRollout(workload=Workload(kind="deployments", namespace="shop", name="mail"))
MOVED = (Touched(kind="deployments", namespace="shop", name="cart", resource_version="8"),)


def order(request: ApprovalRequested = REQUEST) -> ActionApproved:
    """Return the order that the gate makes of a request."""
    return ActionApproved(
        approval_id=request.approval_id,
        incident_id=request.incident_id,
        plan_id=request.plan_id,
        iteration=1,
        action=request.action,
        action_hash=request.action_hash,
        line=request.line,
        touched=request.preview.touched,
        rollback=request.preview.rollback,
        pods_affected=request.preview.pods_affected,
        incident_namespace=request.incident_namespace,
        severity=request.severity,
        confidence=request.confidence,
        decisions=(decision(),),
        cluster=request.cluster,
        policy_version=request.policy_version,
        expires=NOW,
    )


def test_request_and_order_say_the_same() -> None:
    request = REQUEST.model_copy(update={"incident_namespace": "shop", "severity": "warning"})
    assert bound_by_request(request) == bound_by_order(order(request))


@pytest.mark.parametrize(
    "change",
    [
        {"action": OTHER},
        {"touched": MOVED},
        {"rollback": OTHER},
        {"pods_affected": 2},
        {"incident_namespace": "mail"},
        {"severity": "warning"},
        {"confidence": 71},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_an_order_acts_by_is_in_its_hash(change: dict[str, object]) -> None:
    changed = order_hash(bound_by_order(order().model_copy(update=change)))
    assert changed != order_hash(bound_by_order(order()))
    of_preview = {k: v for k, v in change.items() if k in {"touched", "rollback", "pods_affected"}}
    preview = REQUEST.preview.model_copy(update=of_preview)
    rest = {name: value for name, value in change.items() if name not in of_preview}
    asked = REQUEST.model_copy(update={"preview": preview, **rest})
    assert order_hash(bound_by_request(asked)) == changed
