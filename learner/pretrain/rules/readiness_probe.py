"""A readiness probe at a port where nobody listens: the pod runs and is never ready."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, pod_look, undo


def _look(notes: Notes) -> Verdict:
    for service, row in notes.bad_pods.items():
        story = notes.stories.get(service)
        if story is not None and story.probe is not None and not story.out_of_memory:
            return Finding(service=service)
        if row.status != "Running":
            continue
        if story is None:
            return Look(line=f"kubectl describe pod {service}", service=service, needed=False)
        if not story.events:
            return pod_look(service, row)
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (undo(finding.service),)


RULE = Rule(
    name="readiness_probe",
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
)
