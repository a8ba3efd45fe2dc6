"""Ask, test and explain the policy of a folder: what becomes of a line, and why. Needs no broker.

Exit codes: 0 nothing was denied (or no case failed), 1 something was, 2 the folder or the input
can't be used.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from agents.policy.cases import run_cases
from agents.policy.decide import SHIPPED, Policy, PolicyInvalid, Ruling
from agents.policy.judging import Circumstances, Side, judge
from agents.policy.reasons import reasons_table
from agents.policy.rulebook import TESTS_FOLDER
from agents.settings import GateSettings
from deploy.cli import _policy_view as view
from deploy.cli._login import AsJsonLines, shown
from deploy.cli._policy_lines import LinesInvalid, lines_of
from streams.host import now as wall_clock

app = typer.Typer(no_args_is_help=True)

DENIED, UNUSABLE = 1, 2

Folder = Annotated[
    Path | None,
    typer.Option("--folder", "-F", help="Rules. Default: AOI_GATE__POLICY_DIR, else the shipped."),
]
As = Annotated[Side, typer.Option("--as", help="Who would run the line.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="The incident's. '' for none.")
]
Managed = Annotated[
    list[str] | None,
    typer.Option("--managed", help="Glob of managed namespaces, repeatable. Default: -n alone."),
]
Own = Annotated[list[str] | None, typer.Option("--own", help="Glob of AOI's own namespaces.")]
Protected = Annotated[
    list[str] | None, typer.Option("--protected", help="Glob over namespace/kind/name.")
]
Severity = Annotated[str, typer.Option(help="The alert's.")]
Confidence = Annotated[int, typer.Option(min=0, max=100, help="The proposer's.")]
Freeze = Annotated[bool, typer.Option("--freeze", help="As if changes were frozen.")]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
        help="When, for the calendar of freezes; UTC without a zone. Default: now.",
    ),
]
Pods = Annotated[
    int, typer.Option(min=-1, help="Pods that the dry run touched; -1: none made yet.")
]
Lost = Annotated[int, typer.Option(min=0, max=100, help="Percent of the replicas that go.")]
Owners = Annotated[
    list[str] | None,
    typer.Option(
        "--owner", help="A controller above the object, NAMESPACE/replicasets/NAME (repeatable)."
    ),
]
Acts = Annotated[int, typer.Option(min=0, help="Acts that the incident has had.")]
ActsHour = Annotated[int, typer.Option(min=0, help="Acts of the last hour.")]


@app.command()
def check(  # noqa: PLR0913, PLR0917 - the options
    line: Annotated[str, typer.Argument(metavar="LINE|FILE|-", help="One line, or many.")],
    side: As = Side.EXECUTOR,
    as_json: AsJsonLines = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Each line is a JSON string. Default for *.jsonl.")
    ] = False,
    folder: Folder = None,
    namespace: Namespace = "default",
    managed: Managed = None,
    own: Own = None,
    protected: Protected = None,
    severity: Severity = "critical",
    confidence: Confidence = 100,
    freeze: Freeze = False,
    at: At = None,
    pods: Pods = 1,
    replicas_lost: Lost = 0,
    acts: Acts = 0,
    acts_hour: ActsHour = 0,
    owners: Owners = None,
) -> None:
    """Judge a line, every line of a file, or of standard input."""
    around = _around(
        namespace, managed, own, protected, severity, confidence, freeze, at, pods, replicas_lost,
        acts, acts_hour, owners,
    )  # fmt: skip
    policy = _policy(folder)
    try:
        lines = lines_of(line, jsonl=jsonl)
    except (LinesInvalid, OSError) as error:
        _unusable(str(error))
    if not lines:
        _unusable("expected at least one line, got none: nothing was judged")
    denied = False
    for one in lines:
        judged = judge(one, side, around, policy)
        denied = denied or judged.verdict.ruling is Ruling.DENY
        typer.echo(view.row(judged) if as_json else view.told(judged))
    if denied:
        raise typer.Exit(DENIED)


@app.command("test")
def run_tests(folder: Folder = None) -> None:
    """Run the folder's own cases (tests/*.yaml|json), and tell which fail and how."""
    path = _path(folder)
    try:
        tested = run_cases(path, _policy(folder))
    except PolicyInvalid as error:
        _unusable(str(error))
    failed = [one for one in tested if not one.passed]
    for one in failed:
        typer.echo(one.told())
    typer.echo(f"{path}: {len(tested)} cases, {len(failed)} failed")
    if not tested:
        typer.secho(f"no cases prove nothing: expected {path}/{TESTS_FOLDER}/*.yaml", err=True)
    if failed or not tested:
        raise typer.Exit(DENIED)


@app.command()
def explain(  # noqa: PLR0913, PLR0917 - the options
    subject: Annotated[str, typer.Argument(metavar="REASON|LINE", help="A reason, or a line.")],
    side: As = Side.EXECUTOR,
    folder: Folder = None,
    namespace: Namespace = "default",
    managed: Managed = None,
    own: Own = None,
    protected: Protected = None,
    severity: Severity = "critical",
    confidence: Confidence = 100,
    freeze: Freeze = False,
    at: At = None,
    pods: Pods = 1,
    replicas_lost: Lost = 0,
    acts: Acts = 0,
    acts_hour: ActsHour = 0,
    owners: Owners = None,
) -> None:
    """Tell what a reason means, or which policy rules on a line and what it saw."""
    policy = _policy(folder)
    known = view.reason_text(subject, policy)
    if known is not None:
        typer.echo(known)
        return
    if subject.split() == [subject]:
        _unusable(view.unknown(subject, policy))
    around = _around(
        namespace, managed, own, protected, severity, confidence, freeze, at, pods, replicas_lost,
        acts, acts_hour, owners,
    )  # fmt: skip
    typer.echo(view.explanation(judge(subject, side, around, policy), around, policy))


@app.command()
def show(folder: Folder = None) -> None:
    """Show verbs, flags and kinds, reads and writes apart, then the folder's policies."""
    typer.echo(view.tables(_policy(folder)))


@app.command()
def reasons(folder: Folder = None) -> None:
    """Print every reason code and policy as the Markdown tables of the guide."""
    typer.echo(reasons_table(_policy(folder).rules), nl=False)


def _around(  # noqa: PLR0913, PLR0917 - the options, in their order
    namespace: str | None,
    managed: list[str] | None,
    own: list[str] | None,
    protected: list[str] | None,
    severity: str,
    confidence: int,
    freeze: bool,
    at: datetime | None,
    pods: int,
    replicas_lost: int,
    acts: int,
    acts_hour: int,
    owners: list[str] | None,
) -> Circumstances:
    moment = at or wall_clock()
    return Circumstances(
        namespace=namespace or None,
        managed=None if managed is None else tuple(managed),
        own=tuple(own or ()),
        protected=tuple(protected or ()),
        severity=severity,
        confidence=confidence,
        freeze=freeze,
        now=moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC),
        pods=None if pods < 0 else pods,
        replicas_lost=replicas_lost,
        acts_this_incident=acts,
        acts_this_hour=acts_hour,
        owners=tuple(owners or ()),
    )


def _path(folder: Path | None) -> Path:
    with shown():
        return folder or GateSettings().policy_dir or SHIPPED


def _policy(folder: Path | None) -> Policy:
    try:
        return Policy.load(_path(folder))
    except PolicyInvalid as error:
        _unusable(str(error))


def _unusable(message: str) -> NoReturn:
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(UNUSABLE)
