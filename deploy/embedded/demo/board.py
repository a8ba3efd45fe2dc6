"""What the demo shows: one row an incident, by round, folded from facts of the public topics.

Invariant: nothing is shown that was not read from a topic; folding is pure and order-tolerant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.contracts.approval import ActionApproved, ActionRefused, ApprovalRequested, RefusedBy
from agents.contracts.envelope import Event
from agents.contracts.execution import ActionExecuted
from agents.contracts.guidance import GuidancePublished
from agents.contracts.incident import IncidentSnapshot
from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.contracts.plan import Analysis, PlanKind, PlanProposed, Submission
from agents.contracts.trajectory import Outcome, TrajectoryRecord

ROUNDS = 2
ASKS = "asks for approval"
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
    """One incident as an onlooker knows it. model, guidance: what its latest step was made by."""

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
    model: str = ""
    guidance: tuple[str, ...] = ()
    outcome: Outcome | None = None
    reason: str = ""


Pair = tuple[Row | None, Row | None]


@dataclass(slots=True, kw_only=True)
class Board:
    """All rows whose incident belongs to the namespaces of a round.

    rounds: namespaces by round; those at the same place are siblings. guidance: ids that were
    published meanwhile. promoted: the model that took over meanwhile and still serves.
    """

    rounds: tuple[tuple[str, ...], ...] = ()
    rows: dict[str, Row] = field(default_factory=dict)
    guidance: set[str] = field(default_factory=set)
    promoted: str | None = None
    facts: int = 0

    def see(self, event: Event) -> None:
        """Fold one fact in."""
        fact = event.fact
        match fact:
            case GuidancePublished():
                self.guidance.add(fact.guidance_id)
            case ModelPromoted() if fact.role is ModelRole.OBSERVER:
                self.promoted = fact.model_id
            case ModelRolledBack() if fact.withdrawn == self.promoted:
                self.promoted = None
        incident = getattr(fact, "incident_id", None)
        if incident is None:
            return
        if isinstance(fact, IncidentSnapshot):
            if not any(fact.namespace in names for names in self.rounds):
                return
            row = self.rows.setdefault(incident, Row(incident_id=incident))
            row.namespace, row.task, row.title = fact.namespace or "", fact.task, fact.title
            row.opened_at = fact.opened_at
        elif incident in self.rows:
            _fold(self.rows[incident], fact)
        else:
            return
        self.facts += 1

    def of(self, number: int) -> list[Row]:
        """Return the rows of a round, counted from 1."""
        names = self.rounds[number - 1] if number <= len(self.rounds) else ()
        return [row for row in self.rows.values() if row.namespace in names]

    def closed(self, number: int) -> int:
        """Return how many labs of a round have had an incident and have none open."""
        rows = self.of(number)
        still = {row.namespace for row in rows if row.outcome is None}
        return len({row.namespace for row in rows} - still)

    def pairs(self) -> list[Pair]:
        """Return the first incident of each lab of round one with its sibling's of round two."""
        found: dict[str, Row] = {}
        for row in self.rows.values():
            found.setdefault(row.namespace, row)
        if len(self.rounds) < ROUNDS:
            return []
        return [
            (found.get(one), found.get(other))
            for one, other in zip(self.rounds[0], self.rounds[1], strict=True)
        ]

    def counted(self) -> dict[str, object]:
        """Return the counts of the demo's last line: all incidents, then each round's alone."""
        rows = list(self.rows.values())
        return {
            **counts(rows),
            "rounds": [counts(self.of(number + 1)) for number in range(len(self.rounds))],
            "guidance": len(self.guidance),
            "promoted": self.promoted is not None,
            "model": self.promoted or next((row.model for row in reversed(rows) if row.model), ""),
        }


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Return what became of some incidents, in numbers."""
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
            row.model, row.guidance = fact.model_id, fact.guidance_ids
            if fact.submission is not None:
                row.answer = answer_words(fact.submission, fact.target)
        case ApprovalRequested():
            row.stage = ASKS
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
