"""What the Executor says of an order: the report, the same as text for the Observer, the audit's.

Invariant: no message leaves here unredacted.
"""

from pydantic import JsonValue

from agents.contracts.approval import ActionApproved
from agents.contracts.execution import (
    ActIntended,
    ActionExecuted,
    ActResult,
    ActSettled,
    Verification,
)
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from agents.policy.redact import redact

NOT_DONE_EXIT = 1
UNVERIFIED = "unverified"
"""The act was done, and how the state is since could not be read."""
MESSAGE_CHARS = 2000


def report(
    order: ActionApproved,
    result: ActResult,
    *,
    reason: str = "",
    message: str = "",
    verification: Verification | None = None,
    rolled_back: bool = False,
) -> ActionExecuted:
    """Return the report of an order; the message is redacted and cut."""
    return ActionExecuted(
        approval_id=order.approval_id,
        incident_id=order.incident_id,
        plan_id=order.plan_id,
        iteration=order.iteration,
        action=order.action,
        result=result,
        reason=reason,
        message=redact(message).text.strip()[:MESSAGE_CHARS],
        verification=verification,
        rolled_back=rolled_back,
    )


def settled(intent: ActIntended, executed: ActionExecuted) -> ActSettled:
    """Return the ledger's entry of an outcome."""
    return ActSettled(
        approval_id=intent.approval_id,
        incident_id=intent.incident_id,
        action_hash=intent.action_hash,
        writer=intent.writer,
        attempt=intent.attempt,
        result=executed.result,
        reason=executed.reason,
        rolled_back=executed.rolled_back,
        executed=executed,
    )


def told(order: ActionApproved, executed: ActionExecuted) -> TelemetryCollected:
    """Return the outcome as text for the Observer: the command's words, then the check's."""
    words = [executed.message] if executed.message else []
    if executed.result is not ActResult.DONE:
        words.append(f"{executed.result}: {executed.reason}")
    if executed.verification is not None:
        words.append(f"check: {executed.verification.detail}")
    if executed.reason == UNVERIFIED:
        words.append("done, and nobody could look: read the state before anything else")
    elif executed.rolled_back:
        words.append("rolled back: the state was worse after the act")
    elif executed.result is ActResult.DONE and executed.reason:
        words.append(f"worse after the act and not rolled back: {executed.reason}")
    return TelemetryCollected(
        incident_id=order.incident_id,
        plan_id=order.plan_id,
        iteration=order.iteration,
        kind=TelemetryKind.ACT,
        line=order.line,
        exit_code=0 if executed.result is ActResult.DONE else NOT_DONE_EXIT,
        output="\n".join(words),
    )


def about(order: ActionApproved, **more: str) -> dict[str, JsonValue]:
    """Return what the audit says of an order."""
    return {
        "approval_id": order.approval_id,
        "action_hash": order.action_hash,
        "line": order.line,
        **more,
    }
