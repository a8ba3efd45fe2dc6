"""One incident in the lab, step by step, as the Observer, Probe and Executor would do it.

    Situation --thinker--> text --parse--> read | act --border, compress--> Memory --> Situation ...

Invariant: prompts equal the Observer's byte for byte (a test compares them with
`agents.incident`); budgets are the settings' defaults. It is a generator, so that an expert
answers at once and a thousand models' questions can wait side by side.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import datetime

from agents.compressor.rules import compress
from agents.contracts.alert import AlertReceived, AlertStatus
from agents.contracts.ids import IncidentId
from agents.contracts.incident import IncidentSnapshot, IncidentStatus, Task
from agents.contracts.model import Message
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.border import Border
from agents.environments.protocol import ActionRejected
from agents.environments.simulated.lab import Lab
from agents.memory import LastStep, Memory
from agents.observer.prompt import Situation, messages
from agents.observer.reply import MalformedReply, Reply, ReplyAction, parse_reply
from agents.policy.actions import action_of, command_of
from agents.policy.parse import parse
from agents.policy.reads import check_read
from agents.policy.redact import redact
from agents.policy.refusal import Refusal
from agents.policy.render import line_of

MAX_STEPS = 12
MAX_SUMMARIES = 10
PROMPT_CHARS = 3600
OBSERVATION_CHARS = 2200
REPLY_TOKENS = 160
REFUSED_EXIT = 126
MAX_LINE_SHOWN = 300
MAX_MESSAGE = 2000
MAX_COMPLAINT = 200

Veto = Callable[[str], str | None]
"""Given an act's line: what a person says who refuses it, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How an episode ended: the answer, if any, what it took, and the last thing that it saw."""

    submission: Submission
    steps: int
    malformed: int
    acts: int
    last: LastStep | None = None


def prompt(situation: Situation) -> tuple[Message, ...]:
    """Return the chat of a decision as the Observer asks it by default."""
    return messages(situation, rendering="compact", budget=PROMPT_CHARS)


def incident_of(lab: Lab, task: Task) -> IncidentSnapshot:
    """Return the incident that the lab's firing alerts open."""
    alerts = tuple(_received(alert) for alert in lab.alerts())
    now = lab.clock
    return IncidentSnapshot(
        incident_id=IncidentId("lab"),
        group=lab.namespace,
        task=task,
        status=IncidentStatus.OPEN,
        namespace=lab.namespace,
        severity=alerts[0].labels.get("severity", "unknown") if alerts else "unknown",
        title=alerts[0].annotations.get("summary", "alert") if alerts else "alert",
        alerts=alerts,
        opened_at=now,
        updated_at=now,
    )


def _received(alert: dict[str, object]) -> AlertReceived:
    return AlertReceived.model_validate(
        {
            "fingerprint": alert["fingerprint"],
            "group": "lab",
            "status": AlertStatus.FIRING,
            "labels": alert["labels"],
            "annotations": alert["annotations"],
            "starts_at": datetime.fromisoformat(str(alert["startsAt"])),
        }
    )


def episode(
    lab: Lab,
    incident: IncidentSnapshot,
    *,
    guidance: tuple[str, ...] = (),
    veto: Veto = lambda _: None,
) -> Generator[Situation, str, Finished]:
    """Yield a situation for each question, take the reply's text, return how it ended."""
    memory, complaint = Memory(), None
    malformed = acts = 0
    for step in range(1, MAX_STEPS + 1):
        reply = None
        for _attempt in range(2):
            situation = Situation(
                incident=incident,
                memory=memory,
                guidance=guidance,
                step=step,
                max_steps=MAX_STEPS,
                complaint=complaint,
            )
            try:
                reply = parse_reply((yield situation), incident.task)
                break
            except MalformedReply as error:
                malformed += 1
                complaint = str(error)[:MAX_COMPLAINT]
        if reply is None:
            if memory.last is None:
                memory = memory.saw(LastStep(line="(no usable reply)", text=complaint or ""))
            continue
        memory, complaint = memory.learned(reply.summary, keep=MAX_SUMMARIES), None
        if reply.action is ReplyAction.SUBMIT:
            return _finished(incident.task, reply, step, malformed, acts)
        if reply.action is ReplyAction.ACT:
            acts += 1
            memory = memory.saw(act(lab, reply.command, veto))
        else:
            memory = memory.saw(read(lab, reply.command))
    spent = _finished(incident.task, None, MAX_STEPS, malformed, acts)
    return replace(spent, last=memory.last)


def _finished(task: Task, reply: Reply | None, steps: int, malformed: int, acts: int) -> Finished:
    reason = SubmitReason.ANSWERED if reply else SubmitReason.STEPS_SPENT
    submission = Submission(task=task, reason=reason, answer=reply.answer if reply else None)
    return Finished(submission=submission, steps=steps, malformed=malformed, acts=acts)


def read(lab: Lab, line: str) -> LastStep:
    """Run a read as the Probe and the Compressor would."""
    try:
        command = parse(line, lab.namespace)
        check_read(command, (lab.namespace,))
    except Refusal as refusal:
        return LastStep(
            line=redact(line[:MAX_LINE_SHOWN]).text,
            text=compress(str(refusal), OBSERVATION_CHARS).text,
            exit_code=REFUSED_EXIT,
            refusal=str(refusal.code),
        )
    output = Border(lab).read(command)
    text = compress(output.text, OBSERVATION_CHARS).text
    return LastStep(line=redact(line).text, text=text, exit_code=output.exit_code)


def act(lab: Lab, line: str, veto: Veto) -> LastStep:
    """Run an act as the Gate, a consenting person and the Executor would."""
    try:
        action = action_of(parse(line, lab.namespace))
    except Refusal as refusal:
        return _refused(line, f"policy: {refusal.code}", str(refusal))
    border = Border(lab)
    try:
        preview = border.preview(action)
    except ActionRejected as error:
        return _refused(line, "preview: dry-run-failed", str(error))
    words = veto(line)
    if words is not None:
        return _refused(line, "person: refused", words)
    shown = line_of(command_of(action))
    healthy_before, _ = border.verify(action)
    output = border.act(action)
    told = [output.text.strip()[:MAX_MESSAGE]]
    if output.exit_code != 0:
        told.append("failed: command-failed")
        return _acted(shown, told, exit_code=1)
    healthy, detail = border.verify(action)
    told.append(f"check: {detail}")
    if healthy_before and not healthy and preview.rollback is not None:
        border.act(preview.rollback)
        told.append("rolled back: the state was worse after the act")
    return _acted(shown, told, exit_code=0)


def _acted(line: str, told: list[str], *, exit_code: int) -> LastStep:
    text = compress("\n".join(word for word in told if word), OBSERVATION_CHARS).text
    return LastStep(line=line, text=text, exit_code=exit_code)


def _refused(line: str, why: str, words: str) -> LastStep:
    return LastStep(line=line, text=words, exit_code=1, refusal=why)
