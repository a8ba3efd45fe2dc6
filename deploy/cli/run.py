"""Run the pipeline's processes: all zones under a supervisor, one zone, or one role."""

import asyncio
import os
import signal
from collections.abc import Collection
from typing import Annotated

import typer
from rich.console import Console

from agents.roles import ZONES, Role, Zone
from agents.settings import EnvironmentSettings, ModelSettings, Places
from deploy.cli._login import fail, shown
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.shipped import SHIPPED_MODEL
from deploy.embedded.supervisor import Program, Supervisor
from streams.run import run_roles

app = typer.Typer()
ALL = "all"
NEED_ENVIRONMENT = frozenset({Role.PROBE, Role.PREVIEW, Role.EXECUTOR})


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="`all`, a zone (mind, gate, ...) or a role.")] = ALL,
) -> None:
    """Run until interrupted. Settings come from AOI_... variables, see the README.

    `all` starts each zone as a process of its own and starts it again when it dies.
    """
    places = Places(state_dir=EmbeddedSettings().state_dir)
    roles = tuple(Role) if what == ALL else _roles(what)
    with shown():
        # the processes that follow read their settings from here
        os.environ.update(completed(roles))
    if what == ALL:
        asyncio.run(_supervised(places))
        return
    raise typer.Exit(run_roles(roles, places=places))


def completed(roles: Collection[Role]) -> dict[str, str]:
    """Return the variables to add to the environment; leave where one is missing."""
    needing = [str(role) for role in roles if role in NEED_ENVIRONMENT]
    found = EnvironmentSettings()
    said = {
        "AOI_ENVIRONMENT__URL": found.url,
        "AOI_ENVIRONMENT__TOKEN_FILE": found.token_file,
    }
    missing = [name for name, value in said.items() if value is None]
    if needing and missing:
        fail(
            f"expected {' and '.join(missing)} for {', '.join(needing)}: set the address of the "
            "cluster's environment and the file of its token, or see all at work by `aoi demo`"
        )
    model = ModelSettings()
    if Role.INFERENCE in roles and model.path is None and model.base_url is None:
        return {"AOI_MODEL__PATH": str(SHIPPED_MODEL)}
    return {}


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
