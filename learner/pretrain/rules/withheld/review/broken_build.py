"""A build that ends at its start, and not because of its store: it dials where nobody listens."""

from collections import Counter
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import ledger_of
from learner.pretrain.rules.withheld.review.store_users import ended

ALL = "kubectl get deploy -o wide"


def _look(notes: Notes) -> Verdict:
    found = ended(notes)
    if found is None:
        return None
    row, look = found
    if look is not None:
        return look
    words = ledger_of(notes).words[row.service]
    return Finding(service=row.service) if words.gave_up else None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    mine = f"kubectl get deploy {finding.service} -o wide"
    if finding.service not in notes.deployments:
        return Look(line=mine, service=finding.service)
    if len(notes.deployments) == 1:
        return Look(line=ALL, service=finding.service)
    return None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    row = notes.deployments[finding.service]
    if not row.image or not row.container:
        return ()
    owner = row.image.rpartition("/")[0]
    others = Counter(
        other.image
        for name, other in notes.deployments.items()
        if name != finding.service and other.image and other.image.rpartition("/")[0] == owner
    )
    image = next((image for image, _ in others.most_common(1)), "")
    if not image or image == row.image:
        return ()
    return (f"kubectl set image deploy/{finding.service} {row.container}={image}",)


RULE = Rule(
    name="review_broken_build",
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=40,
)
