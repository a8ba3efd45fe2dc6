"""Start, stop and look at the embedded Kafka of this machine (not for production)."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from deploy.embedded.broker import BrokerStatus, EmbeddedBroker
from deploy.embedded.errors import EmbeddedError

app = typer.Typer(no_args_is_help=True)
_errors = Console(stderr=True)
T = TypeVar("T")


@app.command()
def start() -> None:
    """Start the broker, or find it running; the first start fetches its jars (45 MB)."""
    with ExitStack() as ends:
        status = _guarded(EmbeddedBroker(progress=_Fetching(ends)).start)
    _tell(status)


@app.command()
def stop() -> None:
    """Stop the broker; its data, users and ports stay."""
    ended = _guarded(lambda: EmbeddedBroker().stop())
    typer.echo("stopped" if ended else "was not running")


@app.command()
def status(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Tell whether the broker runs and where; exit code 3 when it does not."""
    found = _guarded(lambda: EmbeddedBroker().status())
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        _tell(found)
    if not found.running:
        raise typer.Exit(3)


@app.command()
def reset(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
) -> None:
    """Stop the broker and remove its data, users and passwords for good."""
    broker = EmbeddedBroker()
    if not yes:
        typer.confirm(
            f"Remove every topic and user of the broker in {broker.state_dir}?", abort=True
        )
    _guarded(broker.reset)
    typer.echo(f"removed the broker's state in {broker.state_dir}")


class _Fetching:
    """A progress bar that appears with the first jar that has to be fetched."""

    def __init__(self, ends: ExitStack) -> None:
        self._ends = ends
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=_errors,
            transient=True,
        )

    def __call__(self, done: int, total: int) -> None:
        """Show how many jars are there."""
        if self._task is None:
            self._ends.enter_context(self._bar)
            self._task = self._bar.add_task("fetching Kafka's jars", total=total)
        self._bar.update(self._task, completed=done)


def _tell(status: BrokerStatus) -> None:
    if not status.running or status.since is None:
        typer.echo(f"not running (state in {status.state_dir}); start it with `aoi broker start`")
        return
    since = datetime.fromtimestamp(status.since, UTC)
    typer.echo(f"running at {status.bootstrap} since {since:%Y-%m-%d %H:%M:%S} UTC")
    typer.echo(f"process {status.pid}, log {status.log}")
    typer.echo(f"credentials in {status.state_dir / 'credentials'}; not for production")


def _guarded(work: Callable[[], T]) -> T:
    """Run the work; an error that names its remedy is printed instead of a traceback."""
    try:
        return work()
    except EmbeddedError as error:
        _errors.print(str(error), style="red", markup=False)
        sys.exit(1)
