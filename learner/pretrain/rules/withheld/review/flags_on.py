"""A feature flag that is on: its own description says whom it hurts."""

import re
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import ledger_of
from learner.pretrain.rules.withheld.review.tables import Flag


def _hurt(flag: Flag, services: list[str]) -> str | None:
    """Return the service that a description names first, the longest name of several."""
    text = flag.description.lower()
    named = [
        (found.start(), -len(name), name)
        for name in services
        if (found := re.search(rf"\b{re.escape(name.replace('-', ' '))}\b", text))
    ]
    return min(named)[2] if named else None


def _look(notes: Notes) -> Verdict:
    ledger = ledger_of(notes)
    if ledger.usage is None:
        return Look(line="kubectl top pods", service=notes.entry)
    if ledger.configs is None:
        return Look(line="kubectl get configmaps", service=notes.entry)
    for name in ledger.configs:
        if "flag" not in name:
            continue
        if name not in ledger.flags:
            return Look(line=f"kubectl describe configmap {name}", service=notes.entry)
        for flag in ledger.flags[name]:
            service = _hurt(flag, list(ledger.rows or {}))
            if service:
                return Finding(service=service, facts={"config": name, "flag": flag.name})
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    ledger = ledger_of(notes)
    release = ledger.releases.get(finding.facts["config"])
    if release and release not in ledger.revisions:
        return Look(line=f"helm history {release}", service=finding.service)
    return None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    ledger = ledger_of(notes)
    release = ledger.releases.get(finding.facts["config"], "")
    revision = ledger.revisions.get(release, "")
    return (f"helm rollback {release} {revision}",) if revision else ()


RULE = Rule(
    name="review_flags_on",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    check=lambda finding: f"kubectl describe configmap {finding.facts['config']}",
    cautious=True,
    review=True,
    rank=80,
)
