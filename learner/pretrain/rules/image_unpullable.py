"""An image that can't be pulled: the pod's status says it."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Rule, Verdict, undo

STATUSES = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")


def _look(notes: Notes) -> Verdict:
    for service, row in notes.bad_pods.items():
        if row.status in STATUSES:
            return Finding(service=service)
    return None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (undo(finding.service),)


RULE = Rule(
    name="image_unpullable",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
)
