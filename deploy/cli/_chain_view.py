"""Shows an incident's chain as a tree of causes, or one line a link.

A link that is all that its cause led to stands below it, not deeper: a chain has dozens of links,
and only where it forks is there anything to see.

Invariant: every link shows its time, topic, id and cause as they stand on the topic; text from the
cluster or a model is printed as text, with control characters made visible.
"""

from collections import Counter

from rich.text import Text
from rich.tree import Tree

from agents.contracts import (
    alert,
    approval,
    audit,
    execution,
    feedback,
    incident,
    model,
    observation,
    plan,
    trajectory,
)
from agents.contracts.ids import EventId
from agents.contracts.model_base import Fact
from deploy.cli._request_view import plain
from streams.approvals.shown import shown_of
from streams.chain import Chain, Link

WIDTH = 160
ID_CHARS = 8


def tree(chain: Chain) -> Tree:
    """Return the links, each under the one that caused it; deeper where that caused several."""
    snapshot = chain.incident
    status = (
        snapshot.status if snapshot.outcome is None else f"{snapshot.status}: {snapshot.outcome}"
    )
    root = Tree(
        plain(f"incident {snapshot.incident_id}  {snapshot.title}  ({snapshot.task}, {status})")
    )
    effects = Counter(link.event.cause for link in chain.links)
    branches: dict[EventId, Tree] = {}
    for link in chain.links:
        event = link.event
        parent = root if event.cause is None else branches.get(event.cause, root)
        branch = parent.add(row(link))
        branches[event.id] = branch if effects[event.id] > 1 else parent
    return root


def row(link: Link) -> Text:
    """Return one link in one line."""
    event = link.event
    text = Text()
    text.append(f"{event.time:%H:%M:%S.%f}"[:-3], "cyan")
    text.append(f" {link.topic} ", "blue")
    text.append(type(event.fact).__name__, "bold")
    text.append("  ").append_text(plain(_short(told(event.fact))))
    text.append(f"  {event.id[:ID_CHARS]}", "dim")
    if event.cause is not None:
        text.append(f" <- {event.cause[:ID_CHARS]}", "dim")
    return text


def content(chain: Chain) -> dict[str, object]:
    """Return the chain as data for JSON: every fact whole, with its place and attributes."""
    return {
        "incident": chain.incident.model_dump(mode="json"),
        "links": [
            {
                "topic": link.topic,
                "partition": link.partition,
                "offset": link.offset,
                "id": link.event.id,
                "type": link.event.type,
                "source": link.event.source,
                "time": link.event.time.isoformat(),
                "cause": link.event.cause,
                "sequence": link.event.sequence,
                "applied": list(link.event.applied),
                "fact": link.event.fact.model_dump(mode="json"),
            }
            for link in chain.links
        ],
    }


def told(fact: Fact) -> str:
    """Return what a fact says, in a few words."""
    readers = (_of_incident, _of_step, _of_request, _of_decision, _of_act)
    return next((text for read in readers if (text := read(fact)) is not None), "")


def _of_incident(fact: Fact) -> str | None:
    match fact:
        case alert.AlertGrouped():
            name = fact.alert.labels.get("alertname", fact.alert.fingerprint)
            return f"{name} {fact.alert.status}, group {fact.group}"
        case alert.GroupReleased():
            return f"{fact.outcome} {fact.reason}"
        case incident.IncidentSnapshot():
            outcome = f", {fact.outcome}: {fact.reason}" if fact.outcome else ""
            return f"{fact.title}, {len(fact.alerts)} alerts, {fact.severity}{outcome}"
        case trajectory.TrajectoryRecord():
            return f"{fact.outcome} says {fact.source}, {len(fact.steps)} steps {fact.reason}"
        case feedback.JudgementVerified():
            payload = fact.judgement.payload
            return f"{payload.judgement} says {payload.judge} {payload.reason}"
    return None


def _of_step(fact: Fact) -> str | None:
    match fact:
        case model.ModelRequested():
            size = sum(len(message.content) for message in fact.messages)
            return f"{fact.role} step {fact.iteration}, {size} characters to {fact.model_id}"
        case model.ModelReplied():
            return f"step {fact.iteration}: {fact.text or fact.error or ''}"
        case plan.PlanProposed(submission=None):
            return f"step {fact.iteration} {fact.kind}: {fact.line} ({fact.confidence} %)"
        case plan.PlanProposed(submission=plan.Submission() as submission):
            return f"step {fact.iteration} submit: {submission.reason} {submission.answer or ''}"
        case observation.ObservationRecorded():
            first = fact.refusal or fact.text.partition("\n")[0]
            return f"step {fact.iteration}, exit {fact.exit_code}: {first}"
    return None


def _of_request(fact: Fact) -> str | None:
    match fact:
        case approval.PreviewRequested():
            return fact.action.type
        case approval.PreviewCompleted():
            return fact.error or (f"{fact.preview.pods_affected} pods" if fact.preview else "")
        case approval.ApprovalRequested():
            shown = shown_of(fact)
            false = "FALSE, it says otherwise: " if shown.faults else ""
            return f"{false}{shown.words}, risk {shown.risk}, until {fact.expires:%H:%M:%S}"
    return None


def _of_decision(fact: Fact) -> str | None:
    match fact:
        case approval.DecisionVerified():
            payload = fact.decision.payload
            return f"{payload.verdict} by {payload.approver} {fact.decision.comment}"
        case approval.ActionApproved():
            by = ", ".join(one.payload.approver for one in fact.decisions)
            return f"{fact.line} (signed by {by})"
        case approval.ActionRefused():
            return f"{fact.line}: {fact.refused_by}, {fact.reason}: {fact.message}"
    return None


def _of_act(fact: Fact) -> str | None:
    match fact:
        case execution.ActionExecuted():
            return f"{fact.result} {fact.reason} {fact.message}".strip()
        case execution.ActIntended():
            return f"by {fact.writer}"
        case execution.ActSettled():
            return f"{fact.result} {fact.reason}".strip()
        case audit.AuditRecorded():
            return f"{fact.kind} #{fact.index} of {fact.writer}"
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
