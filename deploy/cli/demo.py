"""Run the main job on this machine: a storm of alerts, diagnosed, approved, repaired and judged."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.live import Live

from deploy.embedded.demo import view
from deploy.embedded.demo.board import Board
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.stack import Stack, StackFailed, StackSettings, running
from streams import cluster
from streams.tail import Tail
from streams.topics import (
    ACTIONS_APPROVED,
    ACTIONS_EXECUTED,
    ACTIONS_REFUSED,
    ACTIONS_REQUESTED,
    INCIDENTS,
    PLANS,
    TRAJECTORIES,
)

app = typer.Typer()

FOLLOWED = (
    INCIDENTS,
    PLANS,
    ACTIONS_REQUESTED,
    ACTIONS_APPROVED,
    ACTIONS_REFUSED,
    ACTIONS_EXECUTED,
    TRAJECTORIES,
)
REFRESH_SECONDS = 0.25
INTERRUPTED = 130
PLAIN_WIDTH = 150


@app.command()
def demo(
    seed: int = typer.Option(1, min=0, help="Which incidents happen; other seeds, other outcomes."),
    incidents: int = typer.Option(12, min=1, max=64, help="How many labs raise alerts."),
    limit: float = typer.Option(150.0, min=10, help="Seconds to wait for the last incident."),
    as_json: bool = typer.Option(False, "--json", help="End with one line of JSON."),
    plain: bool = typer.Option(False, "--plain", help="No live table (for logs)."),
) -> None:
    """Start Kafka, the lab, the zones and an approver; follow a storm of alerts to its end."""
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=PLAIN_WIDTH)
    settings = StackSettings(
        state_dir=EmbeddedSettings().state_dir,
        seed=seed,
        incidents=incidents,
        zone_variables={"AOI_CLOSER__JUDGEMENT_SECONDS": "30"},
    )
    board = Board(namespaces=frozenset())
    # SIGTERM ends the demo as Ctrl-C does: in order, with nothing left running
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    started = time.monotonic()
    try:
        asyncio.run(_run(settings, board, console, limit=limit, plain=plain))
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        raise typer.Exit(INTERRUPTED) from None
    except (EmbeddedError, StackFailed, cluster.ClusterRefused) as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    console.print(view.final(board))
    _told(console, board, settings.state_dir)
    counted = {"seed": seed, **board.counted(), "seconds": round(time.monotonic() - started, 1)}
    if as_json:
        typer.echo(orjson.dumps(counted).decode())
    if counted["open"] or counted["incidents"] < incidents:
        raise typer.Exit(1)


async def _run(
    settings: StackSettings, board: Board, console: Console, *, limit: float, plain: bool
) -> None:
    """Follow the topics until every lab's incident has an outcome, or the time is over."""
    status = console.status("starting")
    status.start()

    def tell(text: str) -> None:
        status.update(text)
        if plain or not console.is_terminal:
            console.print(f"[dim]{text}[/dim]")

    async with running(settings, tell) as stack:
        board.namespaces = frozenset(stack.namespaces)
        reading = asyncio.create_task(_follow(stack, board))
        status.stop()
        try:
            with _live(console, plain=plain) as live:
                await _watched(board, reading, live, limit=limit, wanted=settings.incidents)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _follow(stack: Stack, board: Board) -> None:
    async with Tail(stack.login("operator"), FOLLOWED) as tail:
        async for _, event in tail:
            board.see(event)


async def _watched(
    board: Board, reading: asyncio.Task[None], live: Live | None, *, limit: float, wanted: int
) -> None:
    started = time.monotonic()
    while board.closed < wanted:
        seconds = time.monotonic() - started
        if seconds > limit or reading.done():
            return
        if live is not None:
            note = f"{board.closed} of {wanted} incidents closed"
            live.update(view.live(board, note=note, seconds=seconds))
        await asyncio.sleep(REFRESH_SECONDS)


def _live(console: Console, *, plain: bool) -> contextlib.AbstractContextManager[Live | None]:
    if plain or not console.is_terminal:
        return contextlib.nullcontext()
    return Live(console=console, refresh_per_second=4, transient=True)


def _told(console: Console, board: Board, state_dir: Path) -> None:
    counted = board.counted()
    acts = "act" if counted["refused"] == 1 else "acts"
    console.print(
        f"{counted['resolved']} of {counted['incidents']} incidents resolved, "
        f"{counted['refused']} {acts} refused by the approver, {counted['failed']} trajectories on "
        "`trajectories.failed`."
    )
    first = next(iter(board.rows), None)
    if first is not None:
        console.print(f"look: .venv/bin/aoi broker start && .venv/bin/aoi incidents show {first}")
    console.print(f"logs: {state_dir / 'log'}", style="dim")
