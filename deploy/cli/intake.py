"""Serve the HTTP endpoints to which monitoring systems send alerts.

Invariant: it binds to loopback unless told otherwise, and beyond loopback only with a token.
"""

import asyncio
import signal
from typing import Annotated

import typer
from rich.console import Console

from agents.roles import Role
from deploy.cli._login import Credentials, login, run, shown
from streams.intake.reading import FORMATS
from streams.intake.server import served
from streams.intake.settings import IntakeSettings
from streams.settings import KafkaSettings

app = typer.Typer()


@app.command()
def intake(
    host: Annotated[
        str | None, typer.Option(help="Default: AOI_INTAKE__HOST or 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Default: AOI_INTAKE__PORT or 8085.")] = None,
    credentials: Credentials = None,
) -> None:
    """Take alerts over HTTP until interrupted."""
    said = {"host": host, "port": port}
    with shown():
        given = {name: value for name, value in said.items() if value is not None}
        settings = IntakeSettings.model_validate(IntakeSettings().model_dump() | given)
    run(serve(settings, login(Role.INTAKE, credentials)))


async def serve(settings: IntakeSettings, kafka: KafkaSettings) -> None:
    """Serve until SIGTERM or SIGINT; deliveries under way are answered first."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with served(settings, kafka) as url:
        for name in FORMATS:
            Console().print(f"{url}/v1/alerts/{name}", markup=False, highlight=False)
        await ended.wait()
