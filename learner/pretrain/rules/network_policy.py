"""A network policy that lets no caller in: calls time out, and a policy selects the callee."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.sight import Obstacle


def _look(notes: Notes) -> Verdict:
    edge = notes.leaf()
    if edge is None or edge.obstacle not in (Obstacle.TIMEOUT, Obstacle.SILENT):
        return None
    if edge.obstacle is Obstacle.SILENT and edge.callee not in notes.templates:
        return None
    if notes.policies is None:
        return Look(line="kubectl get networkpolicy", service=edge.callee)
    for name, selector in notes.policies.items():
        if selector.partition("=")[2] == edge.callee:
            return Finding(service=edge.callee, facts={"policy": name})
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    policy = finding.facts["policy"]
    opened = '\'{"spec":{"ingress":[{}]}}\''
    return (
        f"kubectl delete networkpolicy {policy}",
        f"kubectl patch networkpolicy {policy} --type=merge -p {opened}",
    )


RULE = Rule(
    name="network_policy",
    system_level="Virtualization",
    fault_type="Network/Storage Issue",
    look=_look,
    repairs=_repairs,
    check=lambda _finding: "kubectl get networkpolicy",
)
