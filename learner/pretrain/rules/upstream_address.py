"""A caller that was told a wrong address: an unknown host, or a port that the service hasn't."""

from random import Random

from learner.pretrain.notes import Notes, variable_for
from learner.pretrain.rules.rule import Finding, Rule, Verdict, undo
from learner.pretrain.sight import Obstacle


def _look(notes: Notes) -> Verdict:
    edge = notes.leaf()
    if edge is None:
        return None
    if edge.obstacle is Obstacle.NO_HOST:
        return Finding(service=edge.caller)
    facts = notes.services.get(edge.callee)
    if edge.obstacle is Obstacle.REFUSED and facts is not None and edge.port is not None:
        return Finding(service=edge.caller) if edge.port != facts.port else None
    return None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    lines = [undo(finding.service)]
    edge, facts = notes.leaf(), notes.templates.get(finding.service)
    service = notes.services.get(edge.callee) if edge else None
    if edge is not None and facts is not None and service is not None:
        variable = variable_for(facts, edge)
        if variable is not None:
            scheme, mark, _ = facts.environment[variable].rpartition("://")
            value = f"{scheme}{mark}{edge.callee}:{service.port}"
            lines.append(f"kubectl set env deploy/{finding.service} {variable}={value}")
    return tuple(lines)


RULE = Rule(
    name="upstream_address",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
)
