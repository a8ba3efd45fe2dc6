"""`aoi lab twin`: a real namespace's failure in a lab, from a dump, to try corrections on.

Invariant: what was inferred and what was not is told before anything is typed; every line goes
through the one `Player`, and nothing is asked of a real cluster.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.player import Player, Turn, clock_text, verdict_fields
from agents.environments.simulated.twin import TwinLab
from agents.environments.simulated.twin_dump import COMMAND, DumpUnusable
from agents.policy.redact import redact
from deploy.cli import _lab_shell, _lab_view

CANNOT_TELL = 3
_LARGEST = 256 * 2**20
_LABEL = 12


def twin(
    dump: Annotated[
        Path,
        typer.Option("--from", metavar="FILE", help=f"What `{COMMAND}` printed, without Secrets."),
    ],
    entry: Annotated[
        str | None, typer.Option("--entry", help="The Service at which users come in.")
    ] = None,
    call: Annotated[
        list[str] | None,
        typer.Option("--call", help="CALLER=SERVICE[:PORT]: a call that the dump does not show."),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", help="An image that can be pulled though the dump lacks it."),
    ] = None,
    execute: Annotated[
        list[str] | None,
        typer.Option("--exec", metavar="LINE", help="Type this line, then leave; may be repeated."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Leave with 0 where the twin is healthy (at the end), 1 where not, 3 where no "
            "call is known; with a line's own code where one of --exec failed.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and open no shell.")] = False,
) -> None:
    """Build a lab from a dump of a real namespace, and try corrections in it.

    Without --exec, --check and --json a shell opens; a pipe may type as well. A check after a
    correction looks at the state some virtual minutes later, and at what else was lost.

    Example: aoi lab twin --from dump.json --check
    """
    lab = _built(dump, entry=entry, calls=call or [], images=image or [])
    player = Player(lab, hints=False)
    before = lab.ailment()
    if not as_json:
        _show(lab, before)
    turns = [player.line(line) for line in execute or ()]
    if not (execute or check or as_json):
        turns += _played(player)
    verdict = _verdict(lab) if check else None
    if as_json:
        typer.echo(
            orjson.dumps(
                _fields(lab, before, execute or [], turns, verdict), option=orjson.OPT_INDENT_2
            )
        )
    else:
        for turn in turns if execute else ():
            _lab_shell.show(turn.text)
        if verdict is not None:
            typer.echo(f"healthy: {verdict[1]}" if verdict[0] else f"not healthy: {verdict[1]}")
            if verdict[0] and _blind(lab):
                typer.echo(
                    "cannot tell: no call between the workloads stands in the dump; "
                    "--call CALLER=SERVICE[:PORT] adds one"
                )
    untaken = next((turn.exit_code for turn in turns if turn.exit_code), 0)
    if verdict is not None and not verdict[0]:
        raise typer.Exit(1)
    if verdict is not None and not untaken and _blind(lab):
        raise typer.Exit(CANNOT_TELL)
    raise typer.Exit(untaken if verdict is not None else turns[-1].exit_code if turns else 0)


def _blind(lab: TwinLab) -> bool:
    """Return whether no call is known where there must be some."""
    return len(lab.twin.workloads) > 1 and not lab.twin.inferred.edges


def _built(dump: Path, *, entry: str | None, calls: list[str], images: list[str]) -> TwinLab:
    try:
        if dump.stat().st_size > _LARGEST:
            _lab_view.stop(DumpUnusable(f"{dump}: expected at most {_LARGEST >> 20} MiB"))
        content = dump.read_bytes()
        return TwinLab(content, entry=entry, calls=tuple(calls), images=tuple(images))
    except DumpUnusable as error:
        _lab_view.stop(DumpUnusable(f"{dump}: {error}"))
    except OSError as error:
        _lab_view.stop(DumpUnusable(f"{dump}: {error.strerror}"))


def _played(player: Player) -> list[Turn]:
    """Let somebody type until the end, and return the last turn if it was an answer."""
    if sys.stdin.isatty():
        from deploy.embedded.settings import EmbeddedSettings  # noqa: PLC0415 - only a terminal

        typer.echo("\n`help` lists what may be typed; `submit` judges the state; `quit` leaves.")
        read = _lab_shell.terminal(EmbeddedSettings().state_dir / "lab_history")
    else:
        read = _lab_shell.piped()
    verdict = _lab_shell.play(player, read)
    return [] if verdict is None else [Turn(text="", exit_code=0 if verdict.success else 1)]


def _verdict(lab: TwinLab) -> tuple[bool, str]:
    """Return whether the twin is healthy, and why not: at present, or after a correction."""
    if lab.changed:
        given = Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED, answer=None)
        verdict = lab.judge(given)
        return verdict.success, verdict.reason
    problem = lab.ailment()
    return problem is None, problem or "all workloads and the traffic are healthy"


def _show(lab: TwinLab, problem: str | None) -> None:
    """Print what was inferred, and what was not."""
    twin, inferred = lab.twin, lab.twin.inferred
    application = inferred.application
    sizes = f"{len(twin.workloads)} workloads, {len(inferred.edges)} calls"
    _section("Twin", [f"namespace {lab.namespace} at {clock_text(lab.clock)}: {sizes}"])
    _section("Entry", [f"{application.front} -> {application.entry}: {inferred.entry_from}"])
    _section("Workloads", [f"{name}: {text}" for name, text in inferred.protocols.items()])
    _section(
        "Calls",
        [
            f"{edge.caller} -> {edge.target} ({edge.address}"
            f"{'' if edge.critical else ', not critical'}): {edge.why}"
            for edge in inferred.edges
        ],
    )
    _section("Guesses", inferred.guesses)
    _section("Outside", inferred.outside)
    _section("Notes", twin.notes)
    _section("Unlike", lab.unlike)
    _section("State", [problem or "healthy"])


def _section(name: str, lines: list[str] | tuple[str, ...]) -> None:
    for index, line in enumerate(lines):
        typer.echo(f"{'' if index else name:<{_LABEL}}{redact(line).text}")


def _fields(
    lab: TwinLab,
    before: str | None,
    lines: list[str],
    turns: list[Turn],
    verdict: tuple[bool, str] | None,
) -> dict[str, object]:
    inferred = lab.twin.inferred
    application = inferred.application
    return {
        "namespace": lab.namespace,
        "entry": {
            "service": application.front,
            "workload": application.entry,
            "why": inferred.entry_from,
        },
        "workloads": [
            {
                "name": workload.name,
                "kind": workload.kind,
                "protocol": inferred.protocols[workload.name],
                "image": workload.container["image"],
                "replicas": workload.deployment["spec"]["replicas"],
            }
            for workload in lab.twin.workloads
        ],
        "calls": [
            {
                "caller": edge.caller,
                "target": edge.target,
                "address": edge.address,
                "critical": edge.critical,
                "why": edge.why,
            }
            for edge in inferred.edges
        ],
        "guesses": [redact(guess).text for guess in inferred.guesses],
        "outside": inferred.outside,
        "notes": lab.twin.notes,
        "unlike": lab.unlike,
        "problem": before,
        "turns": [
            {
                "line": line,
                "text": turn.text,
                "exit_code": turn.exit_code,
                "refusal": turn.refusal,
                "verdict": None if turn.verdict is None else verdict_fields(turn.verdict),
            }
            for line, turn in zip(lines, turns, strict=True)
        ],
        "check": None if verdict is None else {"healthy": verdict[0], "reason": verdict[1]},
    }
