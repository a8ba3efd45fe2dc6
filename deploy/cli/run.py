"""Run the pipeline's processes: all zones under a supervisor, one zone, or one role."""

import asyncio
import signal
from typing import Annotated

import typer
from rich.console import Console

from agents.roles import ZONES, Role, Zone
from agents.settings import Places
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.supervisor import Program, Supervisor
from streams.run import run_roles

app = typer.Typer()
ALL = "all"


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="`all`, a zone (mind, gate, ...) or a role.")] = ALL,
) -> None:
    """Run until interrupted. Settings come from AOI_... variables, see the README.

    `all` starts each zone as a process of its own and starts it again when it dies.
    """
    places = Places(state_dir=EmbeddedSettings().state_dir)
    if what == ALL:
        asyncio.run(_supervised(places))
        return
    roles = _roles(what)
    raise typer.Exit(run_roles(roles, places=places))


def _roles(what: str) -> tuple[Role, ...]:
    if what in set(Zone):
        return ZONES[Zone(what)]
    if what in set(Role):
        return (Role(what),)
    known = ", ".join([ALL, *Zone, *Role])
    raise typer.BadParameter(f"expected one of {known}; got {what!r}")


async def _supervised(places: Places) -> None:
    """Keep every zone running until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    supervisor = Supervisor()
    console = Console()
    try:
        for zone in Zone:
            log = places.state_dir / "log" / f"{zone}.log"
            program = Program(
                name=zone,
                module="streams.run",
                arguments=ZONES[zone],
                environment={"AOI_STATE_DIR": str(places.state_dir)},
                log=log,
            )
            await supervisor.start(program)
            console.print(f"{zone}: process {supervisor.pid(zone)}, log {log}", highlight=False)
        await ended.wait()
    finally:
        await supervisor.stop()
