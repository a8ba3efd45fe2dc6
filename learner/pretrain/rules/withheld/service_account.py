"""A service account that isn't there: no pod is ever made, and an event says why."""

import json
import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, undo
from learner.pretrain.rules.scaled_to_zero import without_endpoints

NAME = "service_account"
EVENTS = "kubectl get events --field-selector=reason=FailedCreate"
ANY = "*"
"""The place in the notes that says whether the events were read."""
REFUSED = re.compile(
    r'pods "(?P<service>\S+?)-[a-z0-9]{6,10}-" is forbidden'
    r'.*serviceaccount "(?P<account>[^"]+)" not found'
)


def _read(notes: Notes, last: LastStep) -> str | None:
    if last.line != EVENTS or last.exit_code:
        return None
    notes.keep(NAME, ANY, {})
    found = REFUSED.search(last.text)
    if found is None:
        return "no pod was refused for its service account"
    for refused in REFUSED.finditer(last.text):
        notes.keep(NAME, refused["service"], {"account": refused["account"]})
    return f"{found['service']} gets no pod: no serviceaccount {found['account']}"


def _podless(notes: Notes) -> list[str]:
    """Return services whose deployment wants pods and has none, as far as is known."""
    return [
        service
        for service in without_endpoints(notes)
        if (row := notes.deployments.get(service)) is not None
        and row.ready < row.wanted
        and service not in (notes.pods or {})
    ]


def _look(notes: Notes) -> Verdict:
    for service in _podless(notes):
        if notes.pods is None:
            return Look(line="kubectl get pods", service=service)
        if notes.kept(NAME, ANY) is None:
            return Look(line=EVENTS, service=service, needed=False)
        facts = notes.kept(NAME, service)
        if facts:
            return Finding(service=service, facts=facts)
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": finding.facts["account"]},
    }
    body = json.dumps(account, separators=(",", ":"))
    return (undo(finding.service), f"kubectl apply -f - <<'EOF'\n{body}\nEOF")


RULE = Rule(
    name=NAME,
    system_level="Virtualization",
    fault_type="Dependency Problem",
    look=_look,
    repairs=_repairs,
    read=_read,
)
