"""What a decision binds: the order's hash, and the bytes that approvers and operators sign.

    request (shown) -> BoundOrder -> order_hash -> payload -> signature -> order -> BoundOrder again

Invariant: an approver and the Executor compute the hash from what each has in hands, never from
what the other says; an order that differs in its act, its rollback, the versions that it touches or
the facts that policy rested on has another hash.
"""

import hashlib

from pydantic import BaseModel

from agents.approval.canonical import Domain, canonical_json
from agents.contracts.approval import (
    ActionApproved,
    ApprovalRequested,
    BoundOrder,
    DecisionPayload,
)
from agents.contracts.feedback import ControlPayload


def order_hash(bound: BoundOrder) -> str:
    """Return the hex SHA-256 of the canonical JSON of what an order acts by."""
    return hashlib.sha256(canonical_json(bound).encode()).hexdigest()


def bound_by_request(request: ApprovalRequested) -> BoundOrder:
    """Return what the order of a request would act by, as the request shows it."""
    return BoundOrder(
        action=request.action,
        touched=request.preview.touched,
        rollback=request.preview.rollback,
        pods_affected=request.preview.pods_affected,
        incident_namespace=request.incident_namespace,
        severity=request.severity,
        confidence=request.confidence,
    )


def bound_by_order(order: ActionApproved) -> BoundOrder:
    """Return what an order acts by."""
    return BoundOrder(
        action=order.action,
        touched=order.touched,
        rollback=order.rollback,
        pods_affected=order.pods_affected,
        incident_namespace=order.incident_namespace,
        severity=order.severity,
        confidence=order.confidence,
    )


def decision_bytes(payload: DecisionPayload) -> bytes:
    """Return what is signed of a decision.

    A null `order_hash` is left out: it came later, and older signatures keep their bytes.
    """
    return _without_null(Domain.DECISION, payload, "order_hash")


def control_bytes(payload: ControlPayload) -> bytes:
    """Return what is signed of a control; of a null `cluster`, see `decision_bytes`."""
    return _without_null(Domain.CONTROL, payload, "cluster")


def _without_null(domain: Domain, payload: BaseModel, later: str) -> bytes:
    members = {name: getattr(payload, name) for name in type(payload).model_fields}
    if members[later] is None:
        del members[later]
    return (domain.value + canonical_json(members)).encode()
