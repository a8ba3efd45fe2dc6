"""Let the model learn from failures on Ray; train the embedded model, and measure one."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli import _learn_cluster
from deploy.cli._login import AsJson

if TYPE_CHECKING:
    from learner.pretrain import train

app = typer.Typer(no_args_is_help=True)

Out = typer.Option(
    Path("model"),
    "--out",
    help="Folder of the result, ./model unless said. One that exists is not emptied: a run that "
    "was cut short there goes on from its saved state, and files of the same names are replaced.",
)
Device = typer.Option("cpu", "--device", help="cpu or cuda.")


@app.command()
def start(
    address: str | None = typer.Option(
        None,
        "--address",
        metavar="HOST:PORT",
        help="Join this Ray, which somebody else keeps; also AOI_LEARN__RAY_ADDRESS.",
    ),
) -> None:
    """Start the learner in the background, and a Ray on this machine below it; or find them."""
    _learn_cluster.start(address)


@app.command()
def stop() -> None:
    """End the learner, once its checkpoint is whole, and the Ray that `start` started."""
    _learn_cluster.stop()


@app.command()
def reset() -> None:
    """Read the topics from their beginnings again (after a gap); what is known stays known."""
    from deploy.cli import _learn_reset  # noqa: PLC0415 - loads what judges

    _learn_reset.reset()


@app.command()
def pretrain(
    out: Path = Out,
    quick: bool = typer.Option(False, "--quick", help="All parts, small, in ten minutes on a CPU."),
    minutes: float = typer.Option(60.0, "--minutes", help="Wall clock for everything."),
    seed: int = typer.Option(
        0, "--seed", help="Draws demonstrations and first weights; the same repeats them."
    ),
    workers: int = typer.Option(2, "--workers", help="Processes that make demonstrations."),
    device: str = Device,
    early: float = typer.Option(
        0.0,
        "--early",
        help="Share of training (0 to 1) at which to also save <out>/early; 0: never.",
    ),
) -> None:
    """Make demonstrations in the lab and train the embedded model on them."""
    from learner.pretrain import config, recipe  # noqa: PLC0415 - loads torch

    chosen = (
        config.quick(out, seed=seed, workers=workers)
        if quick
        else config.full(
            out, minutes=minutes, seed=seed, workers=workers, device=device, early=early
        )
    )
    console = Console()
    columns = (
        TextColumn("training"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=1.0, told="")

        def show(progress: "train.Progress") -> None:
            bar.update(task, completed=progress.share, told=_told(progress))

        recipe.pretrain(
            chosen,
            command=shlex.join(["aoi", *sys.argv[1:]]),
            say=console.print,
            show=show,
        )


@app.command()
def evaluate(
    model: Path = typer.Argument(help="Folder of a checkpoint."),
    incidents: int = typer.Option(128, "--incidents", help="How many fresh incidents."),
    split: str = typer.Option("A", "--split", help="Families: A, B or D."),
    device: str = Device,
) -> None:
    """Let a checkpoint solve fresh lab incidents and print its success."""
    from learner.pretrain import recipe  # noqa: PLC0415 - loads torch

    report = recipe.measure(model, count=incidents, at_once=32, device=device, split=split)
    for line in report.lines():
        typer.echo(line)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what the learner has seen, proved, trained and judged, and what still waits for it."""
    from deploy.cli import _learn_status  # noqa: PLC0415 - loads Kafka's clients

    _learn_status.show(as_json=as_json)


def _told(progress: "train.Progress") -> str:
    return (
        f"loss {progress.loss:.3f}, {progress.tokens / 1e6:.1f} M tokens, "
        f"{progress.tokens_per_second / 1e3:.0f} k/s"
    )
