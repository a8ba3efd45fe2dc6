"""A container that runs another's program: its pod is ready, and nobody listens at its port."""

import json
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.failing_calls import deepest
from learner.pretrain.rules.withheld.review.ledger import alike, ledger_of
from learner.pretrain.rules.withheld.review.lines import Hindrance

COMMANDS = (
    "kubectl get deploy -o custom-columns="
    "'NAME:.metadata.name,COMMAND:.spec.template.spec.containers[0].command'"
)


def _look(notes: Notes) -> Verdict:
    call = deepest(notes, Hindrance.REFUSED)
    if call is None or call.callee not in notes.templates:
        return None
    commands = ledger_of(notes).commands
    if commands is None:
        return Look(line=COMMANDS, service=call.callee, needed=False)
    command = commands.get(call.callee)
    if command is None or alike(call.callee, command):
        return None
    usual = sum(alike(name, word) for name, word in commands.items())
    return Finding(service=call.callee) if usual * 2 > len(commands) else None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    template = notes.templates[finding.service]
    if template.container is None:
        return ()
    container = {"name": template.container, "command": [finding.service]}
    body = {"spec": {"template": {"spec": {"containers": [container]}}}}
    text = json.dumps(body, separators=(",", ":"))
    return (f"kubectl patch deploy {finding.service} -p '{text}'",)


RULE = Rule(
    name="review_wrong_binary",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=74,
)
