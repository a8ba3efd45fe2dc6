"""The rule-based approver: the first fitting rule answers, and nothing is approved by omission."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.approval.canonical import action_hash
from agents.contracts.action import (
    Action,
    CordonNode,
    DeletePod,
    Preview,
    RestartRollout,
    ScaleWorkload,
    Workload,
)
from agents.contracts.approval import ApprovalRequested, DecisionVerdict, Risk
from agents.contracts.ids import ApprovalId, IncidentId, PlanId
from streams.approvals import rules as rulebook
from streams.approvals.rules import RulesInvalid, judge

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def workload(namespace: str = "shop-eu") -> Workload:
    return Workload(kind="deployments", namespace=namespace, name="cart")


RESTART = RestartRollout(workload=workload())


def request(action: Action = RESTART, **changes: object) -> ApprovalRequested:
    preview = Preview(diff="", touched=(), rollback=None, pods_affected=3)
    fields = {
        "approval_id": ApprovalId("a"),
        "incident_id": IncidentId("i"),
        "plan_id": PlanId("p"),
        "action": action,
        "action_hash": action_hash(action),
        "words": "do it",
        "line": "kubectl",
        "preview": preview,
        "risk": Risk.LOW,  # the request's own word: nothing is ruled by it
        "evidence": "e",
        "confidence": 70,
        "proposer": "observer",
        "severity": "critical",
        "cluster": "lab",
        "policy_version": "1",
        "requested_at": NOW,
        "expires": NOW + timedelta(minutes=15),
    }
    return ApprovalRequested.model_validate(fields | changes)


def book(tmp_path: Path, text: str) -> rulebook.Rules:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return rulebook.load(path)


SHOP = """
rules:
  - match: {action: [RestartRollout], namespace: [kube-*]}
    verdict: refuse
    reason: never there
  - match:
      action: [RestartRollout, ScaleWorkload]
      namespace: [shop, shop-*]
      max_risk: medium
      max_pods_affected: 5
      min_confidence: 60
    verdict: approve
    reason: harmless in shop
"""


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    rules = book(tmp_path, SHOP)
    answer = judge(rules, request())
    assert answer is not None
    assert (answer.verdict, answer.reason) == (DecisionVerdict.APPROVE, "harmless in shop")
    system = judge(rules, request(RestartRollout(workload=workload("kube-system"))))
    assert system is not None
    assert (system.verdict, system.reason) == (DecisionVerdict.REFUSE, "never there")


@pytest.mark.parametrize(
    "asked",
    [
        request(RestartRollout(workload=workload("mail"))),
        request(RestartRollout(workload=workload("shopping"))),
        request(DeletePod(namespace="shop", name="cart-0")),
        request(ScaleWorkload(workload=workload(), replicas=0)),
        request(confidence=59),
        request(preview=Preview(diff="", touched=(), rollback=None, pods_affected=6)),
    ],
    ids=["other namespace", "a longer name", "other action", "risk", "doubt", "pods"],
)
def test_what_no_rule_covers_is_refused(tmp_path: Path, asked: ApprovalRequested) -> None:
    answer = judge(book(tmp_path, SHOP), asked)
    assert answer is not None
    assert (answer.verdict, answer.reason) == (DecisionVerdict.REFUSE, rulebook.NOT_COVERED)


def test_bounds_are_within(tmp_path: Path) -> None:
    undone = Preview(diff="", touched=(), rollback=RESTART, pods_affected=5)
    answer = judge(book(tmp_path, SHOP), request(preview=undone, confidence=60))
    assert answer is not None
    assert answer.verdict is DecisionVerdict.APPROVE


@pytest.mark.parametrize("wanted", [True, False])
def test_an_act_that_can_be_undone_may_be_told_apart(tmp_path: Path, *, wanted: bool) -> None:
    word = str(wanted).lower()
    text = f"""
rules:
  - {{match: {{action: [RestartRollout], rollback: {word}}}, verdict: approve, reason: as asked}}
"""
    for rollback in (RESTART, None):
        preview = Preview(diff="", touched=(), rollback=rollback, pods_affected=1)
        answer = judge(book(tmp_path, text), request(preview=preview))
        assert answer is not None
        assert (answer.verdict is DecisionVerdict.APPROVE) == ((rollback is not None) == wanted)


def test_an_empty_file_refuses_everything_and_ignoring_has_to_be_said(tmp_path: Path) -> None:
    refused = judge(book(tmp_path, ""), request())
    assert refused is not None
    assert refused.verdict is DecisionVerdict.REFUSE
    assert judge(book(tmp_path, "otherwise: ignore"), request()) is None


@pytest.mark.parametrize(("replicas", "fits"), [(0, False), (1, True), (4, True), (5, False)])
def test_replicas_are_bounded(tmp_path: Path, replicas: int, *, fits: bool) -> None:
    text = """
rules:
  - {match: {action: [ScaleWorkload], replicas: {min: 1, max: 4}}, verdict: approve, reason: few}
"""
    answer = judge(
        book(tmp_path, text), request(ScaleWorkload(workload=workload(), replicas=replicas))
    )
    assert answer is not None
    assert (answer.verdict is DecisionVerdict.APPROVE) is fits


def test_a_condition_on_what_an_action_lacks_does_not_hold(tmp_path: Path) -> None:
    text = """
rules:
  - {match: {action: [CordonNode, RestartRollout], namespace: ["*"]}, verdict: approve, reason: x}
  - {match: {action: [RestartRollout], replicas: {max: 9}}, verdict: approve, reason: y}
"""
    restart = judge(
        book(tmp_path, text.replace('namespace: ["*"]', "namespace: [mail]")), request()
    )
    assert restart is not None
    assert restart.verdict is DecisionVerdict.REFUSE
    cordon = judge(book(tmp_path, text), request(CordonNode(name="n", unschedulable=True)))
    assert cordon is not None
    assert cordon.verdict is DecisionVerdict.REFUSE


@pytest.mark.parametrize(
    "text",
    [
        "rules: [",
        "- a",
        "otherwise: approve",
        "rules: [{match: {}, verdict: approve, reason: all}]",
        "rules: [{match: {action: [Restart]}, verdict: approve, reason: typo}]",
        "rules: [{match: {names: [x]}, verdict: refuse, reason: unknown condition}]",
        "rules: [{match: {action: [CordonNode]}, verdict: maybe, reason: x}]",
        "rules: [{match: {action: [CordonNode]}, verdict: approve}]",
    ],
)
def test_a_file_that_may_mean_something_else_is_not_used(tmp_path: Path, text: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        book(tmp_path, text)
    assert "https://" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'rules.yaml'}: ")


def test_the_dry_run_tells_the_risk(tmp_path: Path) -> None:
    rules = book(tmp_path, SHOP.replace("medium", "low"))
    for pods, verdict in ((3, DecisionVerdict.APPROVE), (4, DecisionVerdict.REFUSE)):
        shown = Preview(diff="", touched=(), rollback=None, pods_affected=pods)
        answer = judge(rules, request(preview=shown))
        assert answer is not None
        assert answer.verdict is verdict


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"none\.yaml: .*No such file"):
        rulebook.load(tmp_path / "none.yaml")
