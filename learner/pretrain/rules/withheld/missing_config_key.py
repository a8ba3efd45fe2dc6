"""A key that its ConfigMap hasn't: the container can't be configured, and an event says so."""

import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict, pod_look, undo
from learner.pretrain.sight import tells_events

NAME = "missing_config_key"
STATUS = "CreateContainerConfigError"
DESCRIBED = re.compile(r"kubectl describe pod (?P<name>\S+)$")
MISSING = re.compile(r"couldn't find key (?P<key>\S+) in ConfigMap (?:\S+/)?(?P<map>[\w.-]+)")


def _read(notes: Notes, last: LastStep) -> str | None:
    described = DESCRIBED.match(last.line)
    if described is None or not tells_events(last.text):
        return None
    service = notes.service_of(described["name"])
    found = MISSING.search(last.text)
    notes.keep(NAME, service, dict(found.groupdict()) if found else {})
    if found is None:
        return None
    return f"{service}: no key {found['key']} in configmap {found['map']}"


def _look(notes: Notes) -> Verdict:
    for service, row in notes.bad_pods.items():
        if row.status != STATUS:
            continue
        facts = notes.kept(NAME, service)
        if facts is None:
            return pod_look(service, row)
        if facts:
            return Finding(service=service, facts=facts)
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (undo(finding.service),)


RULE = Rule(
    name=NAME,
    system_level="Application",
    fault_type="Dependency Problem",
    look=_look,
    repairs=_repairs,
    read=_read,
)
