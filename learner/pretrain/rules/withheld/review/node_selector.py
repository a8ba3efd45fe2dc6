"""A node selector that no node has: the pod stays pending, and the scheduler says why."""

import json
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict, pod_look
from learner.pretrain.rules.withheld.review.ledger import ledger_of
from learner.pretrain.sight import PodRow


def _look(notes: Notes) -> Verdict:
    ledger = ledger_of(notes)
    for row in ledger.unready:
        if row.status != "Pending":
            continue
        selector = ledger.refused.get(row.service)
        if selector is None:
            shown = PodRow(pod=row.pod, ready=False, status=row.status, restarts=row.restarts)
            return pod_look(row.service, shown)
        if selector:
            return Finding(service=row.service, facts={"selector": selector})
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    key = finding.facts["selector"].partition("=")[0]
    body = {"spec": {"template": {"spec": {"nodeSelector": {key: None}}}}}
    text = json.dumps(body, separators=(",", ":"))
    return (f"kubectl patch deploy {finding.service} -p '{text}'",)


RULE = Rule(
    name="review_node_selector",
    system_level="Virtualization",
    fault_type="Dependency Problem",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=20,
)
