"""Run the main job on this machine: a storm of alerts, repaired and judged; then learn from it."""

import asyncio
import importlib.util
import os
import signal
import time
from functools import partial
from pathlib import Path

import orjson
import typer
from rich.console import Console

from agents.settings import ModelSettings
from deploy.cli._login import fail
from deploy.embedded.demo import learning, view
from deploy.embedded.demo.board import ROUNDS, Board
from deploy.embedded.demo.comparison import compared
from deploy.embedded.demo.learning import Learned
from deploy.embedded.demo.screen import Screen
from deploy.embedded.demo.story import Story
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.lab.rounds import RoundRefused
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.stack import StackFailed, StackSettings
from streams import cluster, logging

app = typer.Typer()

INTERRUPTED = 130
PLAIN_WIDTH = 150


@app.command()
def demo(
    seed: int = typer.Option(
        3,
        min=0,
        help="Which incidents happen; other seeds, other outcomes. With 3 some fail; with 1 none "
        "did, and there was nothing to learn from.",
    ),
    incidents: int = typer.Option(12, min=1, max=64, help="How many labs raise alerts in a round."),
    limit: float = typer.Option(150.0, min=10, help="Seconds to wait for a round's last incident."),
    learn: bool = typer.Option(
        True, help="Learn from the failures, then meet a sibling of every incident."
    ),
    learn_limit: float = typer.Option(600.0, min=10, help="Seconds that the learner may take."),
    as_json: bool = typer.Option(False, "--json", help="End with one line of JSON."),
    plain: bool = typer.Option(False, "--plain", help="No live table (for logs)."),
) -> None:
    """Start Kafka, the lab, the zones and an approver; follow a storm, learn, follow another."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=PLAIN_WIDTH)
    if learn and ModelSettings().base_url is not None:
        console.print(
            "an endpoint answers (AOI_MODEL__BASE_URL), its weights are not here to train"
        )
        learn = False
    if learn and importlib.util.find_spec("ray") is None:
        fail("learning needs Ray: `pip install 'aoi[learner]'`, or run `aoi demo --no-learn`")
    settings = StackSettings(
        state_dir=EmbeddedSettings().state_dir,
        seed=seed,
        incidents=incidents,
        rounds=ROUNDS if learn else 1,
        zone_variables={"AOI_CLOSER__JUDGEMENT_SECONDS": "30"},
    )
    story = Story(
        board=Board(),
        screen=Screen(console, plain=plain),
        limit=limit,
        learn=partial(learning.turn, limit=learn_limit) if learn else None,
    )
    started = time.monotonic()
    learned = _told_to_the_end(story, settings)
    board = story.board
    console.print(compared(board) if learn else view.final(board, 1))
    _last_words(console, board, settings.state_dir, learned)
    counted = board.counted()
    if as_json:
        verdict = learning.NO_VERDICT if learned is None else learned.verdict
        seconds = round(time.monotonic() - started, 1)
        line = {"seed": seed, **counted, "verdict": verdict, "seconds": seconds}
        typer.echo(orjson.dumps(line).decode())
    whole = board.closed(1) + board.closed(ROUNDS) >= incidents * settings.rounds
    if not whole or (learned is not None and learned.failed):
        raise typer.Exit(1)


def _told_to_the_end(story: Story, settings: StackSettings) -> Learned | None:
    """Run the story; what ends it early is told in a line and gives the exit code."""
    console = story.screen.console
    logging.terse()
    # SIGTERM ends the demo as Ctrl-C does: in order, with nothing left running
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        return asyncio.run(story.run(settings))
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        raise typer.Exit(INTERRUPTED) from None
    except (EmbeddedError, StackFailed, RoundRefused, cluster.ClusterRefused) as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    finally:
        story.screen.settle()


def _last_words(console: Console, board: Board, state_dir: Path, learned: Learned | None) -> None:
    counted = board.counted()
    acts = "act" if counted["refused"] == 1 else "acts"
    console.print(
        f"{counted['resolved']} of {counted['incidents']} incidents resolved, "
        f"{counted['refused']} {acts} refused by the approver, {counted['failed']} trajectories on "
        "`trajectories.failed`."
    )
    if learned is not None and learned.failed:
        console.print(f"[red]the learner failed: {learned.failed}[/red]")
    first = next(iter(board.rows), None)
    if first is not None:
        console.print(f"look: .venv/bin/aoi broker start && .venv/bin/aoi incidents show {first}")
    if learned is not None:
        console.print("look: .venv/bin/aoi learn status")
    console.print(f"logs: {state_dir / 'log'}", style="dim")
