"""A service that sends to a port where its pods don't listen, by its template's own word."""

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.service_target_port import RULE as KNOWN
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.lines import Hindrance


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.REFUSED)
    facts = notes.services.get(call.callee) if call else None
    if call is None or facts is None or not facts.endpoints:
        return None
    template = notes.templates.get(call.callee)
    if template is None:
        line = f"kubectl describe deploy {call.callee}"
        return Look(line=line, service=call.callee, needed=False)
    named = not facts.target.isdigit() or template.port is None
    differs = not named and int(facts.target) != template.port
    return Finding(service=call.callee) if differs else None


RULE = Rule(
    name="review_wrong_port",
    system_level=KNOWN.system_level,
    fault_type=KNOWN.fault_type,
    look=_look,
    prepare=KNOWN.prepare,
    repairs=KNOWN.repairs,
    check=KNOWN.check,
    cautious=True,
    review=True,
    rank=73,
)
