"""Each guard of the operator's policy: a policy or a setting, without which a test here fails."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.action import (
    ApplyManifest,
    DeleteResource,
    PatchResource,
    RestartRollout,
    ScaleWorkload,
    UndoRollout,
    Workload,
)
from agents.contracts.command import Command
from agents.policy.cases import SHOWN, load_tested, run_cases
from agents.policy.decide import SHIPPED, Policy, PolicyInvalid, PreviewFacts, Ruling
from agents.policy.judging import Circumstances, Side, judge
from agents.policy.rulebook import ACTION_TYPES, Part, read_rulebook
from tests.safety.judge import ALLOW, ASK, DENY, circumstances, shipped

GEO = Workload(kind="deployments", namespace="hotel-1", name="geo")
RESTART = RestartRollout(workload=GEO)
RULES = read_rulebook(SHIPPED)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


def under(rules: Path, settings: str, **changes: object) -> tuple[Ruling, str]:
    """Return what becomes of a restart when `settings.toml` holds these lines."""
    (rules / "settings.toml").write_text(settings)
    verdict = Policy.load(rules).decide(RESTART, circumstances(**({"now": NOON} | changes)))
    return verdict.ruling, verdict.reason


def test_the_shipped_folder_passes_its_own_cases() -> None:
    assert load_tested(SHIPPED).version == shipped().version


def write(rules: Path, part: Part, without: str = "") -> None:
    """Write a file of policies out as Cedar has them, without one."""
    kept = [one for one in RULES.by_id.values() if one.part is part and one.name != without]
    (rules / part.file).write_text("\n".join(one.text for one in kept))


def test_policies_as_cedar_writes_them_pass_the_same_cases(rules: Path) -> None:
    for part in Part:
        write(rules, part)
    load_tested(rules)


@pytest.mark.parametrize("name", sorted(RULES.by_id))
def test_without_any_one_policy_a_case_of_the_folder_fails(rules: Path, name: str) -> None:
    write(rules, RULES.by_id[name].part, without=name)
    with pytest.raises(PolicyInvalid, match="own tests fail"):
        load_tested(rules)


def test_a_case_that_says_otherwise_fails_with_expected_and_actual(rules: Path) -> None:
    (rules / "tests" / "mine.yaml").write_text(
        "cases:\n- {name: mine, line: kubectl get pods, verdict: allow}\n"
    )
    with pytest.raises(PolicyInvalid, match=r"mine: expected allow, got deny \(not_a_write\)"):
        load_tested(rules)
    assert [one.passed for one in run_cases(rules, shipped()) if one.case.name == "mine"] == [False]


@pytest.mark.parametrize(("number", "more"), [(SHOWN, ""), (SHOWN + 2, " (and 2 more)")])
def test_of_many_cases_that_fail_some_are_told_and_the_rest_counted(
    rules: Path, number: int, more: str
) -> None:
    case = {"line": "kubectl get pods", "verdict": "allow"}
    cases = [{**case, "name": f"case {at}"} for at in range(number)]
    (rules / "tests" / "mine.json").write_text(json.dumps({"cases": cases}))
    with pytest.raises(PolicyInvalid) as caught:
        load_tested(rules)
    told = str(caught.value)
    assert told.startswith(f"{number} of the folder's own tests fail: mine.json: case 0: expected")
    assert told.count("; mine.json: case ") == SHOWN - 1
    assert told.endswith(more) and ("more)" in told) is bool(more)


def test_cases_may_be_json_with_moments_as_text(rules: Path) -> None:
    case = {
        "line": "kubectl rollout restart deployment/geo",
        "verdict": "allow",
        "context": {"namespace": "hotel-1", "now": "2026-03-04T12:00:00Z"},
    }
    (rules / "tests" / "mine.json").write_text(json.dumps({"settings": {}, "cases": [case]}))
    load_tested(rules)
    (mine,) = [one for one in run_cases(rules, shipped()) if one.file == "mine.json"]
    assert mine.verdict.reason == "restart_or_rollback"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.txt", "", "a.txt: expected cases as one of .json, .yaml, .yml"),
        ("a.json", "[", "a.json could not be read: "),
        ("a.yaml", "cases: {}", "a.yaml: cases: "),
        (
            "a.yaml",
            "settings: {own: 1}\ncases: [{line: kubectl get pods, verdict: allow}]",
            "a.yaml: settings: own: ",
        ),
        (
            "a.yaml",
            "cases: [{line: kubectl get pods, verdict: allow, context: {x: 1}}]",
            "a.yaml: kubectl get pods: x: ",
        ),
        (
            "a.yaml",
            "cases: [{name: n, line: kubectl get pods, verdict: allow, context: {x: 1, y: 2}}]",
            "a.yaml: n: x: ",
        ),
    ],
)
def test_a_file_of_cases_with_a_fault_is_told_by_its_name(
    rules: Path, name: str, text: str, told: str
) -> None:
    (rules / "tests" / name).write_text(text)
    with pytest.raises(PolicyInvalid) as caught:
        load_tested(rules)
    assert told in str(caught.value)


def test_a_defect_of_ours_denies_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(line: str, namespace: str | None) -> Command:
        raise IndexError("x" * 600)

    monkeypatch.setattr("agents.policy.judging.parse", fail)
    for side in Side:
        around = Circumstances(namespace="hotel-1")
        verdict = judge("kubectl get pods", side, around, shipped()).verdict
        assert (verdict.ruling, verdict.reason) == (DENY, "policy_error")
        assert verdict.message.startswith("the line could not be judged: IndexError('xxx")
        assert len(verdict.message) == 500


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        # namespaces: file and process both hold; one that says nothing leaves it to the other
        ('managed_namespaces = ["hotel-1"]', {}, (ALLOW, "restart_or_rollback")),
        ('managed_namespaces = ["hotel-2"]', {}, (DENY, "namespace_not_managed")),
        ("managed_namespaces = []", {}, (DENY, "namespace_not_managed")),
        ('managed_namespaces = ["*"]', {"managed": ("x",)}, (DENY, "namespace_not_managed")),
        ('managed_namespaces = ["hotel-*"]', {"managed": ()}, (ALLOW, "restart_or_rollback")),
        ("", {"managed": ()}, (DENY, "namespace_not_managed")),
        ('own_namespaces = ["hotel-1"]', {}, (DENY, "own_namespace")),
        ('protected_workloads = ["*/geo"]', {}, (ASK, "protected_workload")),
        # rates: the smaller
        (
            "[rates]\nacts_per_incident = 1",
            {"acts_this_incident": 1},
            (DENY, "rate_of_the_incident"),
        ),
        (
            "[rates]\nacts_per_incident = 9",
            {"acts_this_incident": 4},
            (DENY, "rate_of_the_incident"),
        ),
        ("[rates]\nacts_per_hour = 5", {"acts_this_hour": 5}, (DENY, "rate_of_the_hour")),
        ("[rates]\nacts_per_hour = 99", {"acts_this_hour": 60}, (DENY, "rate_of_the_hour")),
        # freezes
        ("[freeze]\nnow = true", {}, (ASK, "frozen")),
        ('[freeze]\nnow = true\nrule = "deny"', {}, (DENY, "frozen_for_all")),
        ('[freeze]\nrule = "deny"', {}, (ALLOW, "restart_or_rollback")),
        ("", {"freeze": True}, (ASK, "frozen")),
        ('[[freeze.windows]]\nname = "w"\ndays = ["wed"]', {}, (ASK, "frozen")),
        ('[[freeze.windows]]\nname = "w"\ndays = ["tue"]', {}, (ALLOW, "restart_or_rollback")),
        ('[[freeze.windows]]\nname = "w"\ndays = ["tue"]', {"now": None}, (DENY, "missing_fact")),
        (
            '[[freeze.windows]]\nname = "w"\ndays = ["tue"]',
            {"now": NOON.replace(tzinfo=None)},
            (DENY, "missing_fact"),
        ),
        (
            '[[freeze.windows]]\nname = "w"\ndays = ["wed"]\nrule = "deny"',
            {},
            (DENY, "frozen_for_all"),
        ),
    ],
)
def test_a_setting_of_the_folder_narrows_what_the_process_was_started_with(
    rules: Path, settings: str, changes: dict[str, object], expected: tuple[Ruling, str]
) -> None:
    assert under(rules, settings, **changes) == expected


@pytest.mark.parametrize(
    ("preview", "protected", "expected"),
    [
        (PreviewFacts(pods_affected=10, told=True), (), (ALLOW, "restart_or_rollback")),
        (PreviewFacts(pods_affected=11, told=True), (), (ASK, "many_pods")),
        (PreviewFacts(pods_affected=101), (), (DENY, "blast_radius")),
        (
            PreviewFacts(pods_affected=1, replicas_lost_percent=50, told=True),
            (),
            (ALLOW, "restart_or_rollback"),
        ),
        (
            PreviewFacts(pods_affected=1, replicas_lost_percent=51, told=True),
            (),
            (ASK, "share_of_replicas"),
        ),
        (
            PreviewFacts(pods_affected=1, replicas_lost_percent=51, told=True),
            ("*",),
            (DENY, "protected_share"),
        ),
    ],
)
def test_the_blast_radius_is_bounded_in_pods_and_in_share_of_replicas(
    preview: PreviewFacts, protected: tuple[str, ...], expected: tuple[Ruling, str]
) -> None:
    verdict = shipped().decide(RESTART, circumstances(preview=preview, protected=protected))
    assert (verdict.ruling, verdict.reason) == expected


def scaled(replicas: int) -> ScaleWorkload:
    return ScaleWorkload(workload=GEO, replicas=replicas)


def patched(patch: str) -> PatchResource:
    return PatchResource(
        kind="deployments", namespace="hotel-1", name="geo", strategy="merge", patch=patch
    )


@pytest.mark.parametrize(
    ("action", "rollback", "delta", "lost"),
    [
        (scaled(1), scaled(4), -3, 75),
        (scaled(4), scaled(1), 3, 0),
        (scaled(0), scaled(1), -1, 100),
        (scaled(1), scaled(0), 1, 0),
        (patched('{"spec":{"replicas":1}}'), patched('{"spec":{"replicas":2}}'), -1, 50),
        (patched('{"spec":{"replicas":null}}'), patched('{"spec":{"replicas":2}}'), -2, 100),
        # nothing tells how many there were
        (scaled(1), None, 0, 100),
        (patched('{"spec":{"replicas":1}}'), UndoRollout(workload=GEO), 0, 100),
        (patched("{"), scaled(1), 0, 100),
        (DeleteResource(kind="deployments", namespace="hotel-1", name="geo"), None, 0, 100),
        # no replicas are set, or the object is new
        (RESTART, UndoRollout(workload=GEO), 0, 0),
        (DeleteResource(kind="services", namespace="hotel-1", name="geo"), None, 0, 0),
        (
            ApplyManifest(
                mode="create",
                kind="deployments",
                namespace="hotel-1",
                name="geo",
                manifest='{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"geo",'
                '"namespace":"hotel-1"},"spec":{"replicas":1}}',
            ),
            DeleteResource(kind="deployments", namespace="hotel-1", name="geo"),
            0,
            0,
        ),
    ],
)
def test_the_share_of_replicas_is_told_by_what_would_undo_the_act(
    action: ScaleWorkload, rollback: ScaleWorkload | None, delta: int, lost: int
) -> None:
    facts = PreviewFacts.between(action, rollback, 2)
    assert (facts.replica_delta, facts.replicas_lost_percent) == (delta, lost)
    assert facts.pods_affected == 2


@pytest.mark.parametrize("severity", ["info", "Info", "NONE", "P5"])
def test_nothing_is_done_unasked_for_a_notice(severity: str) -> None:
    verdict = shipped().decide(RESTART, circumstances(severity=severity))
    assert (verdict.ruling, verdict.reason) == (ASK, "notice_only")


@pytest.mark.parametrize("kind", sorted(ACTION_TYPES))
def test_every_kind_of_act_can_be_put_under_the_rule_of_two(rules: Path, kind: str) -> None:
    (rules / "approvers.toml").write_text(f"default = 1\n{kind} = 2\n")
    policy = Policy.load(rules)
    fake = dataclasses.make_dataclass("Act", ["type"])(kind)
    assert policy.approvers_needed(fake) == 2
    assert policy.approvers_needed(dataclasses.replace(fake, type="other")) == 1


def test_a_doubt_never_becomes_a_permission(rules: Path) -> None:
    """A forbid of `automatic` is asked as a permit; alone it must not allow anything."""
    (rules / "ask.cedar").write_text("")
    policy = Policy.load(rules)
    assert policy.decide(RESTART, circumstances(freeze=True)).reason == "policy_silent"
    text = (SHIPPED / "automatic.cedar").read_text()
    (rules / "ask.cedar").write_text((SHIPPED / "ask.cedar").read_text())
    (rules / "automatic.cedar").write_text(text[text.index('@id("frozen")') :])
    verdict = Policy.load(rules).decide(RESTART, circumstances(freeze=True))
    assert (verdict.ruling, verdict.reason) == (ASK, "frozen")
    verdict = Policy.load(rules).decide(RESTART, circumstances())
    assert (verdict.ruling, verdict.reason) == (ASK, "needs_person")


def test_an_error_in_a_doubt_denies(rules: Path) -> None:
    text = (rules / "automatic.cedar").read_text()
    (rules / "automatic.cedar").write_text(
        text + '@id("sum") @message("m") forbid (principal, action, resource) '
        "when { context.confidence * 9223372036854775807 == 1 };"
    )
    verdict = Policy.load(rules).decide(RESTART, circumstances())
    assert (verdict.ruling, verdict.reason) == (DENY, "policy_error")


def test_hidden_files_and_tests_are_no_part_of_the_version(rules: Path) -> None:
    version = Policy.load(rules).version
    (rules / ".never.cedar.swp").write_bytes(b"\xff")
    (rules / "tests" / "acts.yaml").unlink()
    assert Policy.load(rules).version == version
