"""What an approver sees is what is signed: a gate's login without a key can't dress up an act."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console, RenderableType

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash, canonical_json
from agents.contracts.action import Action, Preview, SetImage, Touched
from agents.contracts.approval import ApprovalRequested, DecisionVerdict, Risk
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId
from agents.policy.actions import command_of, words_of
from agents.policy.render import line_of
from deploy.cli._chain_view import told
from deploy.cli._request_view import panel, table
from streams.approvals.client import Asked
from streams.approvals.decision import RequestFalse, decide
from tests.safety.judge import shipped
from tests.safety.test_orders import ANNA, NOW, RESTART, UNDO, WORKLOAD, check, order

EVIL: Action = SetImage(workload=WORKLOAD, container="geo", image="evil.example/x:1")
TOUCHED = Touched(kind="deployments", namespace="hotel-1", name="geo", resource_version="7")
PREVIEW = Preview(
    diff="-  restartedAt: a\n+  restartedAt: b", touched=(TOUCHED,), rollback=UNDO, pods_affected=1
)


def request(action: Action = EVIL, dressed_as: Action = RESTART, **changes: object) -> Asked:
    """Return a request whose hashes are true and whose words are those of another act."""
    fields: dict[str, object] = {
        "approval_id": "approval-1",
        "incident_id": "incident-1",
        "plan_id": "plan-1",
        "action": action,
        "action_hash": action_hash(action),
        "words": words_of(dressed_as),
        "line": line_of(command_of(dressed_as)),
        "preview": PREVIEW,
        "risk": Risk.LOW,
        "evidence": "pods are stuck",
        "confidence": 80,
        "proposer": "aoi/observer",
        "severity": "critical",
        "incident_namespace": "hotel-1",
        "cluster": "lab",
        "policy_version": shipped().version,
        "requested_at": NOW,
        "expires": NOW + timedelta(minutes=14),
    }
    fact = ApprovalRequested.model_validate(fields | changes)
    fact = fact.model_copy(update={"order_hash": order_hash(bound_by_request(fact))})
    event = Event(id=EventId("r"), source="s", time=NOW, key="a", fact=fact)
    return Asked(fact=fact, event=event, settled=None)


def printed(what: RenderableType, width: int = 400) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(what)
    return console.export_text()


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.strip("│ ").startswith(name))


def test_the_act_is_told_from_its_typed_form() -> None:
    text = printed(panel(request(), NOW))
    assert words_of(EVIL) in row(text, "act")
    assert "evil.example/x:1" in row(text, "as a line")
    assert canonical_json(EVIL) in row(text, "as signed")
    assert "medium" in row(text, "risk")
    assert "Restart all pods" in row(text, "FALSE")
    assert words_of(EVIL) in printed(table([request()], NOW))
    assert words_of(EVIL) in told(request().fact)
    assert "FALSE" not in printed(panel(request(RESTART), NOW))


def test_the_rollback_is_told_from_its_typed_form_and_the_diff_is_called_unsigned() -> None:
    text = printed(panel(request(), NOW))
    assert words_of(UNDO) in row(text, "rollback")
    assert canonical_json(UNDO) in text
    assert "as the preview says: not signed" in text


def test_a_narrow_terminal_cuts_no_id_and_no_act() -> None:
    text = printed(table([request(RESTART, approval_id="0123abcd-9", approvers_needed=2)], NOW), 80)
    assert "0123abcd" in text and "incident" in text and "…" not in text


def test_an_approver_learns_why_he_is_asked() -> None:
    asked = request(RESTART, reason="low_confidence", reason_message="The proposer is not sure.")
    assert "low_confidence: The proposer is not sure." in row(
        printed(panel(asked, NOW)), "asked because"
    )
    assert "asked because" not in printed(panel(request(RESTART), NOW))  # of an older gate


def test_an_approver_sees_who_approved_already() -> None:
    two = request(RESTART, approvers_needed=2)
    for names, says in (
        (None, "2 needed"),
        ((), "0 of 2"),
        (("alice",), "1 of 2: alice"),
    ):
        asked = replace(two, approved_by=names)
        assert says in row(printed(panel(asked, NOW)), "approvers")
        assert f"open, {says}, expires in" in printed(table([asked], NOW))
    assert "open, expires in" in printed(table([replace(request(RESTART), approved_by=())], NOW))


@pytest.mark.parametrize("verdict", list(DecisionVerdict))
def test_an_act_that_is_dressed_as_another_is_not_signed(verdict: DecisionVerdict) -> None:
    with pytest.raises(
        RequestFalse,
        match=r"expected 'Set the image.*evil\.example.*; it tells of its act by the line",
    ) as caught:
        decide(request().fact, verdict, approver="anna", key=ANNA)
    assert str(caught.value).endswith(": do not decide it, tell the operators")


def test_an_honest_request_is_signed_and_its_order_is_accepted() -> None:
    honest = request(RESTART).fact
    decision = decide(honest, DecisionVerdict.APPROVE, approver="anna", key=ANNA)
    checked = order(decision, action=RESTART, touched=(TOUCHED,), rollback=UNDO)
    assert check(checked) == "accepted"


@pytest.mark.parametrize("name", ["approval_id", "incident_id", "cluster", "proposer", "reason"])
def test_no_member_is_markup_or_moves_the_terminal(name: str) -> None:
    text = printed(panel(request(RESTART, **{name: "[bold]x[/]\x1b[2K\u202ey\ufe0f"}), NOW))
    assert "[bold]x[/]\\u001b[2K\\u202ey\\ufe0f" in text
