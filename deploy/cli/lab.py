"""Play incidents in a Kubernetes cluster in memory: the benchmark's, or fresh ones of a seed.

Invariant: every lab is built from its reference (`agents/environments/simulated/references.py`),
every line goes through one `Player`; no Kafka, no model and no network is needed.
"""

import inspect
import shlex
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args

import orjson
import typer

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import APPLICATIONS, EVERY_PROBLEM
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.player import Player, Turn, verdict_fields
from agents.environments.simulated.references import (
    Reference,
    UnknownIncident,
    choices,
    option_types,
    parse_reference,
    procedural,
    scenario_of,
)
from deploy.cli import _lab_shell, _lab_state, _lab_twin, _lab_view

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A problem of `aoi lab list`, or seed-NUMBER[:OPTION=VALUE,...]."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Answers = Annotated[bool, typer.Option("--answers", help="The right answers too: spoils the game.")]
PIPE = ["-"]


@app.command("list")
def list_problems(
    task: Annotated[Task | None, typer.Option("--task", help="Of this task only.")] = None,
    application: Annotated[
        str | None, typer.Option("--application", help=f"One of {', '.join(APPLICATIONS)}.")
    ] = None,
    answers: Answers = False,
    as_json: AsJson = False,
) -> None:
    """List the benchmark's problems.

    Example: aoi lab list --task mitigation --application social-network
    """
    if application is not None and application not in APPLICATIONS:
        _lab_view.stop(
            UnknownIncident(
                f"expected an application of {', '.join(APPLICATIONS)}, got {application!r}"
            )
        )
    kept = [
        problem
        for problem in EVERY_PROBLEM.values()
        if task in {None, problem.task} and application in {None, problem.application}
    ]
    if as_json:
        typer.echo(_json([_lab_view.problem_fields(one, answers=answers) for one in kept]))
        return
    _lab_view.show_problems(kept, answers=answers)


@app.command()
def show(incident: Id, answers: Answers = False, as_json: AsJson = False) -> None:
    """Show an incident: the application, the task, what may be typed, the alert.

    Example: aoi lab show scale_pod_zero_social_net-mitigation-1
    """
    _show(_reference(incident), answers=answers, as_json=as_json)


@app.command()
def shell(incident: Id) -> None:
    """Play an incident, line by line, until it is judged; a pipe may type as well.

    Exit code 0: success, or left without an answer; 1: the answer was wrong.

    Example: aoi lab shell seed-7:task=detection
    """
    reference = _reference(incident)
    player = Player(Lab(scenario_of(reference)))
    if sys.stdin.isatty():
        from deploy.embedded.settings import EmbeddedSettings  # noqa: PLC0415 - only a terminal

        _lab_view.show_incident(reference, player.lab, answers=False)
        typer.echo("\n`help` shows this again, `quit` or Ctrl-D leaves, Ctrl-C drops the line.")
        read = _lab_shell.terminal(EmbeddedSettings().state_dir / "lab_history")
    else:
        read = _lab_shell.piped()
    verdict = _lab_shell.play(player, read)
    if verdict is None:
        typer.echo("left without an answer")
    raise typer.Exit(0 if verdict is None or verdict.success else 1)


@app.command("exec")
def execute(
    incident: Id,
    line: Annotated[list[str], typer.Argument(metavar="LINE", help="One line, or - for stdin's.")],
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Go on from this file, and keep what is typed in it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Type one line and leave with its exit code; of several, with the last one's.

    126: policy refuses the line; 2: the line is no line of the game; after `submit`, 0 is success.
    Errors and warnings go to stderr, as kubectl's do.

    Example: aoi lab exec seed-7 --state game.jsonl -- kubectl get pods
    """
    reference = _reference(incident)
    code = 0
    try:
        with _lab_state.continued(reference, state) as session:
            for one in _lab_shell.lines_of(_lab_shell.piped()) if line == PIPE else [_line(line)]:
                turn = session.line(one)
                code = turn.exit_code
                if as_json:
                    typer.echo(orjson.dumps(_turn_fields(turn)))
                else:
                    _lab_shell.show_apart(turn.text, failed=code != 0 and turn.verdict is None)
    except _lab_state.LogUnusable as error:
        _lab_view.stop(error)
    raise typer.Exit(code)


def new(seed: int, answers: bool, as_json: bool, **options: object) -> None:
    """Draw a procedural incident: print its reference, and what `show` shows.

    Example: aoi lab new --seed 7 --task mitigation --split B
    """
    try:
        reference = procedural(seed, **options)
    except UnknownIncident as error:
        _lab_view.stop(error)
    _show(reference, answers=answers, as_json=as_json)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for every keyword of `incidents.generate`, of the same type."""
    given: dict[str, tuple[Any, Any]] = {
        "seed": (Annotated[int, typer.Option("--seed", min=0, help="What is drawn from.")], ...),
        "answers": (Answers, False),
        "as_json": (AsJson, False),
    }
    for name, hint in option_types().items():
        kind = next((one for one in get_args(hint) if one is not NoneType), hint)
        flag = f"--{name.replace('_', '-')}"
        words = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
        known = choices().get(name, ())
        default = inspect.signature(generate).parameters[name].default
        told = f"One of {', '.join(known)}. " if known else ""
        told += "Drawn unless said." if default is None else f"Unless said: {default}."
        base = kind if kind in {bool, int, float} or issubclass(kind, Enum) else str
        given[name] = (Annotated[base | None, typer.Option(words, help=told)], None)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=inspect.Parameter.empty if default is ... else default,
        )
        for name, (annotation, default) in given.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {name: annotation for name, (annotation, _) in given.items()}
    return command


app.command()(_with_options(new))
app.command()(_lab_twin.twin)


def _reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except UnknownIncident as error:
        _lab_view.stop(error)


def _show(reference: Reference, *, answers: bool, as_json: bool) -> None:
    lab = Lab(scenario_of(reference))
    if as_json:
        typer.echo(_json(_lab_view.incident_fields(reference, lab, answers=answers)))
        return
    _lab_view.show_incident(reference, lab, answers=answers)


def _line(words: list[str]) -> str:
    """Return the words of a command line as one line; a single word is a line already."""
    line = words[0] if len(words) == 1 else shlex.join(words)
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _turn_fields(turn: Turn) -> dict[str, object]:
    return {
        "text": turn.text,
        "exit_code": turn.exit_code,
        "refusal": turn.refusal,
        "verdict": None if turn.verdict is None else verdict_fields(turn.verdict),
    }


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
