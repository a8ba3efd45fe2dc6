"""What the demo shows: one row an incident, folded from facts of the public topics.

Invariant: nothing is shown that was not read from a topic; folding is pure and order-tolerant.
"""

from dataclasses import dataclass, field
from datetime import datetime

from agents.contracts.approval import ActionApproved, ActionRefused, ApprovalRequested, RefusedBy
from agents.contracts.envelope import Event
from agents.contracts.execution import ActionExecuted
from agents.contracts.incident import IncidentSnapshot
from agents.contracts.plan import Analysis, PlanKind, PlanProposed, Submission
from agents.contracts.trajectory import Outcome, TrajectoryRecord

STAGE_OF_KIND = {
    PlanKind.PROBE: "reading",
    PlanKind.ACTION: "at the gate",
    PlanKind.SUBMIT: "submitted",
}


@dataclass(slots=True, kw_only=True)
class Act:
    """One act that was asked for: its line, who decided, and what became of it."""

    line: str
    decided: str = ""
    result: str = ""


@dataclass(slots=True, kw_only=True)
class Row:
    """One incident as an onlooker knows it."""

    incident_id: str
    namespace: str = ""
    task: str = ""
    title: str = ""
    opened_at: datetime | None = None
    steps: int = 0
    stage: str = "open"
    line: str = ""
    acts: dict[str, Act] = field(default_factory=dict)
    refused: int = 0
    answer: str = ""
    outcome: Outcome | None = None
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Board:
    """All rows whose incident belongs to one of these namespaces."""

    namespaces: frozenset[str]
    rows: dict[str, Row] = field(default_factory=dict)
    alerts: int = 0
    facts: int = 0

    def see(self, event: Event) -> None:
        """Fold one fact in."""
        fact = event.fact
        incident = getattr(fact, "incident_id", None)
        if incident is None:
            return
        if isinstance(fact, IncidentSnapshot):
            if fact.namespace not in self.namespaces:
                return
            row = self.rows.setdefault(incident, Row(incident_id=incident))
            row.namespace, row.task, row.title = fact.namespace or "", fact.task, fact.title
            row.opened_at = fact.opened_at
        elif incident in self.rows:
            _fold(self.rows[incident], fact)
        else:
            return
        self.facts += 1

    @property
    def closed(self) -> int:
        """How many incidents have an outcome."""
        return sum(row.outcome is not None for row in self.rows.values())

    def counted(self) -> dict[str, int]:
        """Return the counts of the demo's last line."""
        rows = list(self.rows.values())
        return {
            "incidents": len(rows),
            "resolved": sum(row.outcome is Outcome.SUCCESS for row in rows),
            "failed": sum(row.outcome is Outcome.FAILURE for row in rows),
            "unknown": sum(row.outcome is Outcome.UNKNOWN for row in rows),
            "open": sum(row.outcome is None for row in rows),
            "refused": sum(row.refused for row in rows),
            "acts": sum(bool(act.result) for row in rows for act in row.acts.values()),
        }


def _fold(row: Row, fact: object) -> None:
    match fact:
        case PlanProposed():
            row.steps = max(row.steps, fact.iteration)
            row.stage = STAGE_OF_KIND[fact.kind]
            row.line = fact.line or row.line
            if fact.submission is not None:
                row.answer = answer_words(fact.submission, fact.target)
        case ApprovalRequested():
            row.stage = "asks for approval"
        case ActionApproved():
            row.stage = "approved"
            names = ", ".join(decision.payload.approver for decision in fact.decisions)
            _act(row, fact.plan_id, fact.line).decided = f"approved by {names}"
        case ActionRefused():
            row.stage = "refused"
            who = fact.approver or fact.refused_by
            _act(row, fact.plan_id, fact.line).decided = f"refused by {who}: {fact.reason}"
            row.refused += fact.refused_by is RefusedBy.PERSON
        case ActionExecuted():
            row.stage = fact.result
            undone = ", rolled back" if fact.rolled_back else ""
            _act(row, fact.plan_id, "").result = f"{fact.result}{undone}"
        case TrajectoryRecord():
            row.stage = "closed"
            row.outcome, row.reason = fact.outcome, fact.reason


def _act(row: Row, plan_id: str, line: str) -> Act:
    act = row.acts.setdefault(plan_id, Act(line=line))
    act.line = act.line or line
    return act


def answer_words(submission: Submission, target: str) -> str:
    """Return the answer in a few words; a repair is told by what it was aimed at."""
    match submission.answer:
        case str():
            return submission.answer
        case tuple():
            return ", ".join(submission.answer)
        case Analysis():
            return f"{submission.answer.system_level} / {submission.answer.fault_type}"
    return target or submission.reason
