"""A service that selects no pod: the pods are up, their labels are others."""

import json
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.scaled_to_zero import without_endpoints


def _look(notes: Notes) -> Verdict:
    for service in without_endpoints(notes):
        row = notes.deployments.get(service)
        if row is None:
            return Look(line=f"kubectl get deploy {service} -o wide", service=service)
        if row.wanted > 0 and row.ready == row.wanted:
            return Finding(service=service)
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    service = finding.service
    row = notes.deployments.get(service)
    if row is None or row.selector is None:
        return Look(line=f"kubectl get deploy {service} -o wide", service=service)
    if service not in notes.services:
        return Look(line=f"kubectl describe service {service}", service=service)
    return None


def _labels(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in text.split(",") if "=" in part)


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    row, facts = notes.deployments[finding.service], notes.services[finding.service]
    right, wrong = _labels(row.selector or ""), _labels(facts.selector)
    change: dict[str, str | None] = {
        key: value for key, value in right.items() if wrong.get(key) != value
    }
    change |= {key: None for key in wrong if key not in right}
    body = json.dumps({"spec": {"selector": change}}, separators=(",", ":"))
    name = finding.service
    return (
        f"kubectl patch service {name} -p '{body}'",
        f"kubectl patch service {name} --type=merge -p '{body}'",
    )


RULE = Rule(
    name="service_selector",
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    check=lambda finding: f"kubectl get endpoints {finding.service}",
)
