"""Policy: what the shipped rules allow unasked, ask for, and deny; and that every fault denies."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from agents.contracts.action import (
    ApplyManifest,
    DeletePod,
    DeleteResource,
    LabelResource,
    PatchResource,
    RestartRollout,
    Workload,
)
from agents.policy.decide import SHIPPED, Policy, PolicyInvalid, PreviewFacts
from tests.safety.judge import ALLOW, ASK, DENY, circumstances, ruled, shipped

RESTART = "kubectl rollout restart deployment/geo"
WORKLOAD = Workload(kind="deployments", namespace="hotel-1", name="geo")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"freeze": True}, "frozen"),
        ({"confidence": 49}, "low_confidence"),
        ({"preview": None}, "needs_person"),
        ({"preview": PreviewFacts(pods_affected=11, told=True)}, "many_pods"),
        ({"acts_this_incident": 2}, "third_act_of_the_incident"),
        ({"protected": ("hotel-1/*/geo",)}, "protected_workload"),
    ],
)
def test_a_doubt_turns_an_automatic_act_into_a_question(
    changes: dict[str, object], reason: str
) -> None:
    assert ruled(RESTART)[0] is ALLOW
    assert ruled(RESTART, **changes) == (ASK, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"managed": ()}, "namespace_not_managed"),
        ({"managed": ("hotel-2",)}, "namespace_not_managed"),
        ({"incident_namespace": "hotel-2"}, "outside_the_incident"),
        ({"incident_namespace": None}, "missing_fact"),
        ({"incident_namespace": ""}, "outside_the_incident"),
        ({"own": ("hotel-*",)}, "own_namespace"),
        ({"acts_this_incident": 4}, "rate_of_the_incident"),
        ({"max_acts_this_incident": 0}, "rate_of_the_incident"),
        ({"acts_this_hour": 60}, "rate_of_the_hour"),
        ({"preview": PreviewFacts(pods_affected=101)}, "blast_radius"),
    ],
)
def test_a_limit_denies_what_no_approval_can_lift(changes: dict[str, object], reason: str) -> None:
    assert ruled(RESTART, **changes) == (DENY, reason)


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
def test_the_cluster_s_own_namespaces_are_denied_even_where_all_are_managed(namespace: str) -> None:
    line = f"kubectl rollout restart deploy x -n {namespace}"
    changes = {"managed": ("*",), "incident_namespace": namespace}
    assert ruled(line, **changes) == (DENY, "system_namespace")


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": "high"},
        {"confidence": 2**70},
        {"acts_this_hour": None},
        {"severity": 3},
        {"freeze": "no"},
        {"managed": None},
        {"proposer": object()},
        {"preview": PreviewFacts(pods_affected="1")},  # type: ignore[arg-type]  # the point of the test
        {"preview": "none"},
    ],
)
def test_a_fact_of_another_type_denies(changes: dict[str, object]) -> None:
    assert ruled(RESTART, **changes) == (DENY, "policy_error")


def test_an_unknown_action_denies() -> None:
    class Explode(RestartRollout):
        type: str = "Explode"  # type: ignore[assignment]  # the point of the test

    verdict = shipped().decide(Explode(workload=WORKLOAD), circumstances())
    assert (verdict.ruling, verdict.reason) == (DENY, "policy_error")


@pytest.mark.parametrize(
    "action",
    [
        PatchResource(
            kind="deployments", namespace=None, name="x", strategy="merge", patch='{"spec":{}}'
        ),
        DeleteResource(kind="deployments", namespace=None, name="x"),
        LabelResource(field="labels", kind="pods", namespace=None, name="x", pairs=(("a", "b"),)),
    ],
)
def test_an_act_on_a_namespaced_object_without_a_namespace_denies(
    action: PatchResource | DeleteResource | LabelResource,
) -> None:
    verdict = shipped().decide(action, circumstances())
    assert (verdict.ruling, verdict.reason) == (DENY, "missing_fact")


@pytest.mark.parametrize(
    "action",
    [
        PatchResource(
            kind="deployments", namespace="hotel-1", name="x", strategy="merge", patch="{"
        ),
        PatchResource(
            kind="deployments", namespace="hotel-1", name="x", strategy="json", patch="{}"
        ),
        PatchResource(
            kind="deployments",
            namespace="hotel-1",
            name="x",
            strategy="json",
            patch='[{"op":"eval","path":"/x"}]',
        ),
        PatchResource(kind="Role", namespace="hotel-1", name="x", strategy="merge", patch="{}"),
        ApplyManifest(mode="apply", kind="foos", namespace="hotel-1", name="x", manifest="{}"),
        ApplyManifest(
            mode="apply",
            kind="configmaps",
            namespace="hotel-1",
            name="x",
            manifest='{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}',
        ),
        ApplyManifest(
            mode="apply",
            kind="configmaps",
            namespace="hotel-1",
            name="x",
            manifest='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x",'
            '"namespace":"kube-system"}}',
        ),
    ],
)
def test_an_act_that_cannot_be_read_denies(action: PatchResource | ApplyManifest) -> None:
    assert shipped().decide(action, circumstances()).ruling is DENY


def test_a_proposer_s_name_cannot_break_out_of_the_request() -> None:
    name = 'x", action: Action::"RestartRollout", {"a": "'
    assert ruled(RESTART, proposer=name)[0] is ALLOW


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


def test_the_version_names_every_byte_of_the_folder(rules: Path) -> None:
    assert Policy.load(rules).version == shipped().version
    for path in sorted(path for path in rules.iterdir() if path.is_file()):
        before = path.read_text()
        path.write_text(before + "\n")
        assert Policy.load(rules).version != shipped().version
        path.write_text(before)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("never.cedar", "forbid (principal, action, resource) when { context.freeze };"),
        ("never.cedar", '@id("a") @message("b") forbid (principal, action, resource) when { x };'),
        (
            "never.cedar",
            (
                '@id("a") @message("b") forbid (principal, action, resource) '
                "when { context.unheard_of };"
            ),
        ),
        (
            "ask.cedar",
            '@id("a") @message("b") permit (principal, action == Action::"Explode", resource);',
        ),
        ("ask.cedar", '@id("own_namespace") @message("b") permit (principal, action, resource);'),
        ("schema.cedarschema", "entity"),
        ("approvers.toml", "default = 0"),
        ("approvers.toml", "DeletePod = 2"),
        ("approvers.toml", "default = true"),
        ("approvers.toml", "default ="),
        ("approvers.toml", "default = 1\nDeletPod = 2"),
        (
            "never.cedar",
            '@id("a") @message("b") permit (principal, action, resource);',
        ),
        (
            "never.cedar",
            '@id("a") @message("b") forbid (principal == ?principal, action, resource);',
        ),
        ("settings.toml", "managed = []"),
        ("settings.toml", "managed_namespaces = 'shop'"),
        ("settings.toml", "[rates]\nacts_per_hour = -1"),
        ("settings.toml", "[freeze]\nnow = 'no'"),
        ("settings.toml", "[freeze]\nrule = 'perhaps'"),
        ("settings.toml", "[freeze]\ntime_zone = 'Middle/Earth'"),
        ("settings.toml", "[[freeze.windows]]\nname = 'w'"),
        ("settings.toml", "[[freeze.windows]]\nname = 'w'\ndays = ['sunday']"),
        ("settings.toml", "[[freeze.windows]]\nname = 'w'\ndays = ['sun']\nopens = 8"),
        ("settings.toml", "[[freeze.windows]]\nname = 'w'\nbegins = 2026-01-01T00:00:00Z"),
        (
            "settings.toml",
            (
                "[[freeze.windows]]\nname = 'w'\n"
                "begins = 2026-01-02T00:00:00Z\nends = 2026-01-01T00:00:00"
            ),
        ),
        ("settings.toml", "freeze ="),
        ("extra.cedar", ""),
    ],
)
def test_rules_with_a_fault_are_refused_whole(rules: Path, name: str, text: str) -> None:
    (rules / name).write_text(text)
    with pytest.raises(PolicyInvalid):
        Policy.load(rules)


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.iterdir() if path.is_file()))
def test_rules_with_a_missing_file_are_refused_whole(rules: Path, name: str) -> None:
    (rules / name).unlink()
    with pytest.raises(PolicyInvalid):
        Policy.load(rules)


def test_silence_of_the_policies_denies(rules: Path) -> None:
    (rules / "ask.cedar").write_text("")
    verdict = Policy.load(rules).decide(RestartRollout(workload=WORKLOAD), circumstances())
    assert (verdict.ruling, verdict.reason) == (DENY, "policy_silent")


def test_an_error_in_a_policy_denies(rules: Path) -> None:
    text = (rules / "never.cedar").read_text()
    (rules / "never.cedar").write_text(
        text + '@id("sum") @message("m") forbid (principal, action, resource) '
        "when { context.confidence * 9223372036854775807 == 1 };"
    )
    verdict = Policy.load(rules).decide(RestartRollout(workload=WORKLOAD), circumstances())
    assert (verdict.ruling, verdict.reason) == (DENY, "policy_error")


def test_an_operator_s_edit_takes_effect(rules: Path) -> None:
    (rules / "automatic.cedar").write_text("")
    (rules / "approvers.toml").write_text("default = 1\nDeletePod = 3\n")
    policy = Policy.load(rules)
    delete = DeletePod(namespace="hotel-1", name="x")
    assert policy.decide(delete, circumstances()).ruling is ASK
    assert policy.approvers_needed(delete) == 3
    assert policy.approvers_needed(RestartRollout(workload=WORKLOAD)) == 1


def test_what_nothing_undoes_needs_two_people() -> None:
    delete = DeleteResource(kind="services", namespace="hotel-1", name="x")
    assert shipped().approvers_needed(delete) == 2


def test_the_context_cannot_be_changed_after_it_was_judged() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        circumstances().freeze = True  # type: ignore[misc]  # the point of the test
