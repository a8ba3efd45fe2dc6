"""A network policy between two services: calls time out, and it selects one of the two."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.lines import Hindrance


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.TIMEOUT)
    if call is None:
        return None
    if notes.policies is None:
        return Look(line="kubectl get networkpolicy", service=call.callee, needed=False)
    for service in (call.callee, call.caller):
        for policy, selector in notes.policies.items():
            if selector.partition("=")[2] == service:
                return Finding(service=service, facts={"policy": policy})
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (f"kubectl delete networkpolicy {finding.facts['policy']}",)


RULE = Rule(
    name="review_cut_off",
    system_level="Virtualization",
    fault_type="Network/Storage Issue",
    look=_look,
    repairs=_repairs,
    check=lambda _finding: "kubectl get networkpolicy",
    cautious=True,
    review=True,
    rank=75,
)
