"""Demonstrations: the expert in the lab, judged by the lab; what is not proved is not kept.

Invariant: prompts are those of serving (see episode.py), and a seed gives the same demonstration
on every machine and in any order, given the same pool of guides.
"""

from dataclasses import dataclass
from random import Random

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.observer.reply import ReplyAction, reply_text
from learner.pretrain.expert import Expert
from learner.pretrain.guides import Guide, Pool, drawn_guide, drawn_order, order_in
from learner.rollout.episode import Veto, episode, incident_of, prompt

SPLIT = "A"
VETO_SHARE = 0.08
UNASKED = ("kubectl rollout undo", "kubectl rollout restart", "kubectl delete pod")
"""Lines that the shipped policy lets happen without a person."""
APPROVERS = ("oncall", "dana", "sre-lead", "change-board", "mikael", "itsm")
REASONS = (
    "",
    ": too risky now",
    ": find another way",
    ": not this object, please",
    ": change freeze for this verb",
    ": prefer a smaller change",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One decision as text. `teach`: whether its reply is to be learned."""

    prompt: str
    reply: str
    teach: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """One solved or failed run of the expert."""

    scenario: Scenario
    lessons: tuple[Lesson, ...]
    lines: tuple[str, ...]
    guide: Guide
    success: bool
    reason: str


def demonstrate(
    seed: int,
    pool: Pool,
    *,
    split: str = SPLIT,
    family: str | None = None,
    task: Task | None = None,
) -> Demonstration:
    """Return the expert's run on the incident of a seed."""
    scenario = generate(seed, split=split, family=family, task=task)
    rng = Random(seed * 2 + 1)  # noqa: S311 - variety, no secret
    lab = Lab(scenario)
    incident = incident_of(lab, scenario.task)
    guide = drawn_guide(pool, scenario.family, scenario.task, rng)
    order = order_in(guide, drawn_order(rng))
    expert = Expert(task=scenario.task, rng=rng, order=order, guide=guide)
    lessons: list[Lesson] = []
    lines: list[str] = []
    run = episode(lab, incident, guidance=guide, veto=_veto(rng))
    situation = next(run)
    while True:
        advice = expert.advise(situation)
        text = reply_text(advice.reply)
        (message,) = prompt(situation)
        lessons.append(Lesson(prompt=message.content, reply=text, teach=advice.teach))
        if advice.teach and advice.reply.action is not ReplyAction.SUBMIT:
            lines.append(advice.reply.command)
        try:
            situation = run.send(text)
        except StopIteration as stop:
            verdict = lab.judge(stop.value.submission)
            return Demonstration(
                scenario=scenario,
                lessons=tuple(lessons),
                lines=tuple(lines),
                guide=guide,
                success=verdict.strict,
                reason=verdict.reason,
            )


def _veto(rng: Random) -> Veto:
    """Return a person who refuses the first act that needs one now and then."""
    words = f"refused by {rng.choice(APPROVERS)}{rng.choice(REASONS)}"
    pending = [rng.random() < VETO_SHARE]

    def veto(line: str) -> str | None:
        if line.startswith(UNASKED):
            return None
        refuses, pending[0] = pending[0], False
        return words if refuses else None

    return veto
