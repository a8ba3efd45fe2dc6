"""Send alerts to a running intake.

Invariant: exit code 0 means that Kafka acknowledged every alert; anything else is said with the
reason that intake gave.
"""

import asyncio
import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated

import aiohttp
import typer
from rich.console import Console

from deploy.cli._login import fail, shown
from streams.intake.reading import FORMATS
from streams.intake.settings import IntakeSettings

app = typer.Typer(no_args_is_help=True)
REPEATED = frozenset({429, 503})
OK = 300


@app.callback()
def _group() -> None:
    """Send alerts to a running intake."""


@app.command()
def send(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    source_format: Annotated[
        str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")
    ] = "alertmanager",
    url: Annotated[str | None, typer.Option(help="Where intake listens.")] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="`Name: value`, such as a signature; repeatable.")
    ] = None,
    tries: Annotated[int, typer.Option(min=1, help="How often to try while intake is busy.")] = 5,
) -> None:
    """Post a file as it is; AOI_INTAKE__TOKEN is shown to intake when set."""
    with shown():
        settings = IntakeSettings()
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    target = (url or f"http://{settings.host}:{settings.port}").rstrip("/")
    if source_format not in FORMATS:
        fail(f"expected a format of {', '.join(FORMATS)}, got {source_format}")
    headers = {"Content-Type": "application/json"}
    token = settings.bearer()
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    for line in header or ():
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    try:
        status, answer = asyncio.run(
            _post(f"{target}/v1/alerts/{source_format}", body, headers, tries)
        )
    except aiohttp.ClientError as error:
        fail(f"no answer from {target}: {error}; is intake running?", error)
    if status >= OK:
        fail(f"{status} {answer.strip()}")
    Console().print(f"{status} {answer}", markup=False, highlight=False)


async def _post(url: str, body: bytes, headers: dict[str, str], tries: int) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session:
        for left in range(tries, 0, -1):
            async with session.post(url, data=BytesIO(body), headers=headers) as answer:
                text = await answer.text()
                if answer.status not in REPEATED or left == 1:
                    return answer.status, text
                pause = float(answer.headers.get("Retry-After", "1"))
            await asyncio.sleep(pause)
    raise AssertionError("expected at least one try")
