"""A CPU request that no node can hold: the pod stays pending, and the scheduler says why."""

import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict, pod_look, undo
from learner.pretrain.sight import tells_events

NAME = "cpu_request_too_big"
DESCRIBED = re.compile(r"kubectl describe pod (?P<name>\S+)$")
REFUSED = re.compile(r"\bInsufficient cpu\b")
REQUEST = re.compile(r"Requests:\s+cpu:\s+(\S+)")


def _read(notes: Notes, last: LastStep) -> str | None:
    described = DESCRIBED.match(last.line)
    if described is None or not tells_events(last.text):
        return None
    service = notes.service_of(described["name"])
    if REFUSED.search(last.text) is None:
        notes.keep(NAME, service, {})
        return None
    request = REQUEST.search(last.text)
    asked = request[1] if request else "unknown"
    notes.keep(NAME, service, {"request": asked})
    return f"{service} is not scheduled: Insufficient cpu, it requests {asked}"


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


def _repairs(_notes: Notes, finding: Finding, rng: Random) -> tuple[str, ...]:
    request = rng.choice(("50m", "100m"))
    return (
        undo(finding.service),
        f"kubectl set resources deploy/{finding.service} --requests=cpu={request} --limits=cpu=1",
    )


RULE = Rule(
    name=NAME,
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    read=_read,
)
