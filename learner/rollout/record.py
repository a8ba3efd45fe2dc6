"""An episode in the lab as the trajectory that the closer would publish of it.

Invariant: steps, refusals and results are told as `agents.closer` tells them of the same incident;
a step whose replies could not be used is missing here as it is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.contracts.execution import ActResult
from agents.contracts.ids import IncidentId, ModelId, PlanId, derive
from agents.contracts.incident import IncidentSnapshot
from agents.contracts.plan import PlanKind
from agents.contracts.trajectory import (
    Outcome,
    OutcomeSource,
    TrajectoryClosed,
    TrajectoryStep,
)
from agents.environments.simulated.oracle import Verdict
from agents.memory import LastStep
from agents.observer.guides import symptoms_of
from agents.observer.prompt import Situation
from agents.observer.reply import MalformedReply, Reply, ReplyAction, parse_reply
from learner.rollout.episode import Finished

KINDS = {
    ReplyAction.PROBE: PlanKind.PROBE,
    ReplyAction.ACT: PlanKind.ACTION,
    ReplyAction.SUBMIT: PlanKind.SUBMIT,
}
JUDGE = "lab"
NO_REPLY = "(no usable reply)"
ROLLED_BACK = "rolled back: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question of an episode and the text that answered it."""

    situation: Situation
    text: str


def record_of(
    incident: IncidentSnapshot,
    turns: Sequence[Turn],
    finished: Finished,
    verdict: Verdict,
    *,
    closed_at: datetime,
    incident_id: str | None = None,
) -> TrajectoryClosed:
    """Return the trajectory of a finished episode, judged strictly.

    incident_id: None derives one from the namespace and the moment, so that equal runs have equal
    ids.
    """
    name = incident_id or derive("lab", incident.namespace or "", incident.opened_at.isoformat())
    steps = [_step(name, at, turns, finished) for at in range(len(turns))]
    kept = [step for step in steps if step is not None]
    if not kept or kept[-1].kind is not PlanKind.SUBMIT:
        kept.append(_plain_step(name, finished.steps, PlanKind.SUBMIT, None))
    return TrajectoryClosed(
        incident_id=IncidentId(name),
        revision=0,
        task=incident.task,
        title=incident.title,
        symptoms=symptoms_of(incident),
        namespace=incident.namespace,
        steps=tuple(kept),
        submission=finished.submission,
        model_id=ModelId(JUDGE),
        guidance_ids=(),
        outcome=Outcome.SUCCESS if verdict.strict else Outcome.FAILURE,
        source=OutcomeSource.JUDGE,
        reason=verdict.reason,
        judge=JUDGE,
        trainable=False,
        opened_at=incident.opened_at,
        closed_at=closed_at,
    )


def _step(name: str, at: int, turns: Sequence[Turn], finished: Finished) -> TrajectoryStep | None:
    turn = turns[at]
    try:
        reply = parse_reply(turn.text, turn.situation.incident.task)
    except MalformedReply:
        return None
    kind = KINDS[reply.action]
    step = _plain_step(name, turn.situation.step, kind, reply)
    if kind is PlanKind.SUBMIT:
        return step
    later = turns[at + 1].situation.memory.last if at + 1 < len(turns) else finished.last
    return step if later is None or later.line == NO_REPLY else _seen(step, later)


def _plain_step(name: str, iteration: int, kind: PlanKind, reply: Reply | None) -> TrajectoryStep:
    return TrajectoryStep(
        iteration=iteration,
        plan_id=PlanId(derive("plan", name, iteration, kind)),
        kind=kind,
        line=reply.command if reply and kind is not PlanKind.SUBMIT else None,
        summary=reply.summary if reply else "",
        confidence=reply.confidence if reply else 0,
    )


def _seen(step: TrajectoryStep, last: LastStep) -> TrajectoryStep:
    if step.kind is PlanKind.PROBE:
        return step.model_copy(update={"observation": last.text, "refusal": last.refusal})
    if last.refusal is not None:
        return step.model_copy(update={"refusal": last.refusal})
    told = last.text.split("\n")
    return step.model_copy(
        update={
            "observation": last.text,
            "result": ActResult.FAILED if last.exit_code else ActResult.DONE,
            "rolled_back": any(line.startswith(ROLLED_BACK) for line in told),
        }
    )
