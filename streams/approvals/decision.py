"""A decision about a request, made and signed on the approver's side.

Invariant: what is signed is what the typed act says, and both hashes (the action's, the order's)
are computed anew from it; a request that lies about either, or whose sentence, line or risk tell of
another act, is not signed.
"""

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash
from agents.approval.signing import SigningKey, sign_decision
from agents.contracts.approval import (
    ActionDecided,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
)
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, derive
from agents.worker import AoiError
from streams.approvals.shown import shown_of

COMMENT_CHARS = 2000


class RequestFalse(AoiError):
    """A request says something else of its act than the act is."""


def check_true(request: ApprovalRequested) -> None:
    """Raise `RequestFalse` for a request that tells of another act than it asks for."""
    faults = shown_of(request).faults
    if faults:
        raise RequestFalse(
            f"request {request.approval_id!r} {'; it '.join(faults)}: do not decide it, tell the "
            "operators"
        )


def decide(
    request: ApprovalRequested,
    verdict: DecisionVerdict,
    *,
    approver: str,
    key: SigningKey,
    comment: str = "",
) -> ActionDecided:
    """Return the signed decision, valid for as long as the request; raises `RequestFalse`.

    The same verdict by the same key is the same decision, byte for byte, so a repeat is harmless.
    """
    check_true(request)
    payload = DecisionPayload(
        approval_id=request.approval_id,
        incident_id=request.incident_id,
        action_hash=action_hash(request.action),
        order_hash=order_hash(bound_by_request(request)),
        verdict=verdict,
        approver=approver,
        not_before=request.requested_at,
        expires=request.expires,
        cluster=request.cluster,
        policy_version=request.policy_version,
    )
    signed = sign_decision(key, payload)
    return signed.model_copy(update={"comment": comment[:COMMENT_CHARS]})


def event_of(decision: ActionDecided, cause: Event) -> Event:
    """Return the event that carries a decision about the request `cause`.

    Its time is the request's, which has passed for certain; AOI counts by its own clock.
    """
    payload = decision.payload
    return Event(
        id=EventId(derive("decision", decision.signature)),
        source=f"/approvers/{payload.approver}",
        time=cause.time,
        key=payload.approval_id,
        fact=decision,
        incident=payload.incident_id,
        cause=cause.id,
        traceparent=cause.traceparent,
    )
