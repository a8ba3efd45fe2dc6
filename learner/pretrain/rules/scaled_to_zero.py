"""A deployment scaled to zero: no endpoints, and nobody wanted any."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict


def without_endpoints(notes: Notes) -> list[str]:
    """Return services of which it is known that nothing stands behind them, unready pods aside."""
    listed = [name for name, cell in (notes.endpoints or {}).items() if not cell]
    described = [name for name, facts in notes.services.items() if not facts.endpoints]
    return [name for name in dict.fromkeys((*described, *listed)) if name not in notes.bad_pods]


def _look(notes: Notes) -> Verdict:
    for service, row in notes.deployments.items():
        if row.wanted == 0:
            return Finding(service=service)
    for service in without_endpoints(notes):
        if service not in notes.deployments:
            return Look(line=f"kubectl get deploy {service} -o wide", service=service)
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    if finding.service in notes.templates:
        return None
    return Look(
        line=f"kubectl describe deploy {finding.service}", service=finding.service, needed=False
    )


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    facts = notes.templates.get(finding.service)
    replicas = (facts.scaled_from if facts else None) or 1
    name = finding.service
    return (
        f"kubectl scale deploy/{name} --replicas={replicas}",
        f'kubectl patch deploy {name} -p \'{{"spec":{{"replicas":{replicas}}}}}\'',
    )


RULE = Rule(
    name="scaled_to_zero",
    system_level="Virtualization",
    fault_type="Operation Error",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
)
