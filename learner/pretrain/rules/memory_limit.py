"""A memory limit below the working set: killed again and again."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, undo


def _look(notes: Notes) -> Verdict:
    for service, row in notes.bad_pods.items():
        story = notes.stories.get(service)
        if row.status == "OOMKilled" or (story is not None and story.out_of_memory):
            return Finding(service=service)
        if story is None and row.status == "CrashLoopBackOff":
            return Look(line=f"kubectl describe pod {service}", service=service, needed=False)
    killed = (service for service, story in notes.stories.items() if story.out_of_memory)
    return next((Finding(service=service) for service in killed), None)  # ready between two kills


def _repairs(_notes: Notes, finding: Finding, rng: Random) -> tuple[str, ...]:
    amount = rng.choice(("256Mi", "512Mi"))
    return (
        undo(finding.service),
        f"kubectl set resources deploy/{finding.service} --limits=memory={amount}",
    )


RULE = Rule(
    name="memory_limit",
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
)
