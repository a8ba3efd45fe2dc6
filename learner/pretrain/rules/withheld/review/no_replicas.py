"""A deployment that wants no pods: calls are refused, and the service has no endpoints."""

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.scaled_to_zero import RULE as KNOWN
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.lines import Hindrance


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.REFUSED)
    if call is None:
        return None
    facts = notes.services.get(call.callee)
    if facts is None:
        line = f"kubectl describe service {call.callee}"
        return Look(line=line, service=call.callee, needed=False)
    if facts.endpoints:
        return None
    row = notes.deployments.get(call.callee)
    if row is None:
        line = f"kubectl get deploy {call.callee} -o wide"
        return Look(line=line, service=call.callee, needed=False)
    return Finding(service=call.callee) if row.wanted == 0 else None


RULE = Rule(
    name="review_no_replicas",
    system_level=KNOWN.system_level,
    fault_type=KNOWN.fault_type,
    look=_look,
    prepare=KNOWN.prepare,
    repairs=KNOWN.repairs,
    cautious=True,
    review=True,
    rank=72,
)
