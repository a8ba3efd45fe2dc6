"""No output of any command names a problem, a family or what injects it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.command import Access
from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.featureflags import FLAGS
from agents.environments.simulated.benchmark.problems import EVERY_PROBLEM, balanced, scenario_of
from agents.environments.simulated.benchmark.registry import BENCHMARK, OWN
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import access_of, parse
from agents.policy.refusal import Refusal

KINDS = (
    "all",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "endpoints",
    "persistentvolumeclaims",
    "persistentvolumes",
    "storageclasses",
    "networkpolicies",
    "horizontalpodautoscalers",
    "jobs",
    "nodes",
    "namespaces",
    "events",
    "pods",
    "services",
    "deployments",
    "replicasets",
)
FORMS = ("", " -o wide", " -o yaml", " -o json", " -o name", " --show-labels", " -A")
OTHERS = (
    "kubectl events",
    "kubectl top pods",
    "kubectl top nodes",
    "kubectl version",
    "kubectl api-resources",
    "kubectl cluster-info",
    "kubectl config view",
    "kubectl auth can-i --list",
    "kubectl explain pods",
    "helm list",
    "helm list -A",
    "kubectl get pods -o custom-columns=A:.metadata.annotations,L:.metadata.labels",
)
A_COMPONENT = (
    "kubectl logs deployment/{name} --tail=60",
    "kubectl logs deployment/{name} --previous",
    "kubectl describe deployment {name}",
    "kubectl describe service {name}",
    "kubectl rollout history deployment/{name}",
    "kubectl rollout history deployment/{name} --revision=1",
    "kubectl rollout status deployment/{name} --timeout=1s",
    "kubectl exec deployment/{name} -- env",
    "kubectl exec deployment/{name} -- cat /etc/hostname",
    "helm status {release}",
    "helm history {release}",
)
DESCRIBED = ("pods", "nodes", "pvc", "pv", "networkpolicies", "configmaps", "replicasets")
WORDS = {
    *EVERY_PROBLEM,
    *FAMILIES,
    *BENCHMARK,
    *OWN,
    *FLAGS,
    *(word.replace("_", "-") for word in (*FAMILIES, *BENCHMARK, *OWN, *FLAGS)),
    "inject",
    "chaos",
    "aiops",
    "simulat",
    "noop",
}
LOWERED = sorted({word.lower() for word in WORDS})
FLAG_NAMES = sorted({name for name, _ in FLAGS.values()})


def lines_of(lab: Lab) -> list[str]:
    """Return every read that a lab offers, in every form."""
    application = lab.scenario.application
    release = application.release.name if application.release else "none"
    lines = [f"kubectl get {kind}{form}" for kind in KINDS for form in FORMS]
    lines += [f"kubectl describe {kind}" for kind in DESCRIBED]
    lines += OTHERS
    lines += [
        form.format(name=component.name, release=release)
        for component in application.components
        for form in A_COMPONENT
    ]
    return list(dict.fromkeys(lines))


def told(lab: Lab, line: str) -> str:
    """Return what a line says, refusals included."""
    try:
        command = parse(line, default_namespace=lab.namespace)
    except Refusal as refusal:
        return str(refusal)
    assert access_of(command) is Access.READ, line
    return lab.read(command).text


def leaks(text: str) -> list[str]:
    """Return the forbidden words that a text holds."""
    lowered = text.lower()
    return [word for word in LOWERED if word in lowered]


def test_the_alert_alone_does_not_tell_a_healthy_twin_from_a_fault() -> None:
    told = []
    for seed in range(60):
        for healthy in (False, True):
            lab = Lab(generate(seed, split="B", task=Task.DETECTION, healthy=healthy))
            (alert,) = lab.alerts()
            shown = re.search(r"(\d+)%", str(alert["annotations"]))
            assert shown is not None
            told.append((int(shown[1]), healthy))
    for bound in {value for value, _ in told}:
        right = sum((value < bound) is healthy for value, healthy in told) / len(told)
        assert 0.3 < right < 0.7, bound


@pytest.mark.parametrize("problem", sorted(EVERY_PROBLEM))
def test_no_read_of_a_problem_names_it(problem: str) -> None:
    lab = Lab(scenario_of(problem))
    lines = lines_of(lab)
    if lab.scenario.task is not Task.DETECTION:  # the same faults: other seeds, other lines
        lines = lines[len(problem) % 6 :: 6]
    for line in lines:
        text = told(lab, line)
        assert leaks(text) == [], line
        if "configmap" not in line:  # the shop's real flagd-config names its flags
            assert [name for name in FLAG_NAMES if name in text] == [], line


@given(
    seed=st.integers(0, 1000),
    family=st.sampled_from(sorted(name for name in BENCHMARK if "astronomy" in name)),
)
@settings(max_examples=12, deadline=None)
def test_the_flags_of_the_balanced_set_are_all_off_in_the_config_map(
    seed: int, family: str
) -> None:
    lab = Lab(balanced(seed, family, Task.LOCALIZATION))
    healthy = Lab(scenario_of("noop_detection_astronomy_shop-1"))
    wanted = told(healthy, "kubectl get configmap flagd-config -o jsonpath='{.data}'")
    assert told(lab, "kubectl get configmap flagd-config -o jsonpath='{.data}'") == wanted
    for line in lines_of(lab)[::7]:
        assert leaks(told(lab, line)) == [], line


def test_the_flagged_problems_show_their_flag_in_flagd_config_alone() -> None:
    for name, (flag, _) in FLAGS.items():
        lab = Lab(scenario_of(f"astronomy_shop_{name}-detection-1"))
        assert flag in told(lab, "kubectl get configmap flagd-config -o yaml")
