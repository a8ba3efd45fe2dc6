"""A claim that isn't there: the pod stays pending, and the scheduler names the claim."""

import json
import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, pod_look, undo
from learner.pretrain.sight import tells_events

NAME = "unbound_volume"
CLAIMS = "kubectl get pvc"
ANY = "*"
"""The place in the notes of what holds for the whole namespace."""
DESCRIBED = re.compile(r"kubectl describe pod (?P<name>\S+)$")
MISSING = re.compile(r'persistentvolumeclaim "(?P<claim>[^"]+)" not found')
BOUND = re.compile(
    r"^\S+\s+Bound\s+\S+\s+(?P<size>\d\S*)\s+(?P<mode>RW[OX]P?|ROX)\s+(?P<of>\S+)", re.MULTILINE
)
MODES = {"RWO": "ReadWriteOnce", "RWX": "ReadWriteMany", "ROX": "ReadOnlyMany"}


def _read(notes: Notes, last: LastStep) -> str | None:
    if last.exit_code:
        return None
    if last.line == CLAIMS:
        bound = BOUND.search(last.text)
        notes.keep(NAME, ANY, dict(bound.groupdict()) if bound else {})
        return f"claims of class {bound['of']}, {bound['size']} {bound['mode']}" if bound else None
    described = DESCRIBED.match(last.line)
    if described is None or not tells_events(last.text):
        return None
    service = notes.service_of(described["name"])
    found = MISSING.search(last.text)
    notes.keep(NAME, service, dict(found.groupdict()) if found else {})
    if found is None:
        return None
    return f"{service} is not scheduled: no persistentvolumeclaim {found['claim']}"


def _look(notes: Notes) -> Verdict:
    for service, row in notes.bad_pods.items():
        if row.status != "Pending":
            continue
        facts = notes.kept(NAME, service)
        if facts is None:
            return pod_look(service, row)
        if facts:
            return Finding(service=service, facts=facts)
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    if notes.kept(NAME, ANY) is not None:
        return None
    return Look(line=CLAIMS, service=finding.service)


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    lines = [undo(finding.service)]
    sample = notes.kept(NAME, ANY)
    if sample and sample["mode"] in MODES:
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": finding.facts["claim"]},
            "spec": {
                "accessModes": [MODES[sample["mode"]]],
                "storageClassName": sample["of"],
                "resources": {"requests": {"storage": sample["size"]}},
            },
        }
        body = json.dumps(claim, separators=(",", ":"))
        lines.append(f"kubectl apply -f - <<'EOF'\n{body}\nEOF")
    return tuple(lines)


RULE = Rule(
    name=NAME,
    system_level="Virtualization",
    fault_type="Dependency Problem",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    read=_read,
)
