"""A service that sends to a port where its pods don't listen: endpoints, and calls refused."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.sight import Obstacle


def _look(notes: Notes) -> Verdict:
    edge = notes.leaf()
    if edge is None or edge.callee in notes.bad_pods:
        return None
    if edge.obstacle not in (Obstacle.REFUSED, Obstacle.SILENT):
        return None
    facts = notes.services.get(edge.callee)
    if facts is None:
        return Look(line=f"kubectl describe service {edge.callee}", service=edge.callee)
    if not facts.endpoints:
        return None
    if edge.obstacle is Obstacle.SILENT:
        return _by_template(notes, edge.callee, facts.target)
    right = edge.port is None or edge.port == facts.port
    return Finding(service=edge.callee) if right else None


def _by_template(notes: Notes, service: str, target: str) -> Verdict:
    """Compare the target port with the containers' where no caller tells what it met."""
    template = notes.templates.get(service)
    if template is None:
        return Look(line=f"kubectl describe deploy {service}", service=service)
    differs = template.port is not None and str(template.port) != target
    return Finding(service=service) if differs else None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    facts = notes.templates.get(finding.service)
    if facts is None:
        return Look(line=f"kubectl describe deploy {finding.service}", service=finding.service)
    return None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    name, port = finding.service, notes.templates[finding.service].port
    if port is None:
        return ()
    operations = f'[{{"op":"replace","path":"/spec/ports/0/targetPort","value":{port}}}]'
    ports = f'[{{"port":{notes.services[name].port},"targetPort":{port}}}]'
    return (
        f"kubectl patch service {name} --type=json -p '{operations}'",
        f'kubectl patch service {name} -p \'{{"spec":{{"ports":{ports}}}}}\'',
    )


RULE = Rule(
    name="service_target_port",
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    check=lambda finding: f"kubectl describe service {finding.service}",
)
