"""How `aoi lab` shows problems, an incident and its answers.

Invariant: nothing of the ground truth is shown, or written as JSON, unless answers are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from agents.environments.simulated.briefing import alert_lines, instructions
from agents.environments.simulated.player import clock_text

if TYPE_CHECKING:
    from agents.environments.simulated.benchmark.problems import Problem
    from agents.environments.simulated.lab import Lab
    from agents.environments.simulated.references import Reference

_WIDE = 400
"""Columns of an output that is no terminal: nothing is cut for a pipe."""


def stop(error: Exception) -> NoReturn:
    """Say what is wrong on standard error and leave with exit code 1."""
    typer.secho(str(error), fg="red", err=True)
    raise typer.Exit(1) from error


def problem_fields(problem: Problem, *, answers: bool) -> dict[str, object]:
    """Return a problem as it is listed."""
    shown: dict[str, object] = {
        "id": problem.id,
        "application": problem.application,
        "task": str(problem.task),
    }
    if answers:
        shown |= {
            "family": problem.family or None,
            "service": problem.service,
            "decidable": problem.decidable,
        }
    return shown


def show_problems(problems: list[Problem], *, answers: bool) -> None:
    """Print problems as a table; a terminal too narrow for it folds, and never cuts."""
    table = Table(box=None, pad_edge=False)
    rows = [problem_fields(problem, answers=answers) for problem in problems]
    for name in rows[0] if rows else ("id", "application", "task"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(table, highlight=False)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def incident_fields(reference: Reference, lab: Lab, *, answers: bool) -> dict[str, object]:
    """Return an incident as JSON shows it."""
    shown: dict[str, object] = {
        "reference": str(reference),
        "task": str(lab.scenario.task),
        "application": lab.scenario.application.name,
        "namespace": lab.namespace,
        "clock": lab.clock.isoformat(),
        "instructions": instructions(lab),
        "alerts": lab.alerts(),
    }
    if answers:
        truth = lab.ground_truth
        shown["answers"] = {
            "anomaly": truth.anomaly,
            "faults": [
                {
                    "family": one.family,
                    "service": one.service,
                    "system_level": one.system_level,
                    "fault_type": one.fault_type,
                    "repairs": [list(way) for way in one.ways],
                }
                for one in (truth, *truth.also)
                if one.anomaly
            ],
            "evidence": [{"name": fact.name, "sights": fact.sights} for fact in truth.facts],
        }
    return shown


def show_incident(reference: Reference, lab: Lab, *, answers: bool) -> None:
    """Print an incident: what it is, what to do, its alerts, and the answers if asked for."""
    typer.echo(f"Incident     {reference}")
    typer.echo(f"Now          {clock_text(lab.clock)}")
    typer.echo(instructions(lab))
    typer.echo("")
    for line in alert_lines(lab.alerts()) or ["no alert fires"]:
        typer.echo(line)
    if answers:
        typer.echo("")
        for line in _answers(lab):
            typer.echo(line)


def _answers(lab: Lab) -> list[str]:
    truth = lab.ground_truth
    found = [f"Anomaly      {'yes' if truth.anomaly else 'no'}"]
    for one in (truth, *truth.also):
        if one.anomaly:
            labels = f"{one.system_level or '-'} / {one.fault_type or '-'}"
            found.append(f"Fault        {one.family} at {one.service}: {labels}")
            found += [f"Repair       {' && '.join(way)}" for way in one.ways]
    for fact in truth.facts:
        found.append(f"Evidence     {fact.name}")
        found += [f"             sight: {sight}" for sight in fact.sights]
    return found
