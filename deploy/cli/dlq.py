"""Dead letters: records that could not be handled, kept with the reason.

Invariant: a replay sends only bytes that still stand where the letter says, as a user who may write
there; drop and replay mark a letter as settled and delete nothing.
"""

import base64
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from deploy.cli._login import AsJson, AsJsonLines, Credentials, embedded, fail, login, run, shown
from deploy.cli._request_view import plain
from streams import letters as post
from streams.letters import Letter
from streams.settings import KafkaSettings
from streams.topic import Outsider

app = typer.Typer(no_args_is_help=True)
READER = str(Outsider.OPERATOR)
Number = Annotated[int, typer.Argument(help="The letter's number, as `list` shows it.")]
Numbers = Annotated[list[int], typer.Argument(help="Letters' numbers.")]
SHOWN_CHARS = 4000


@app.command("list")
def list_letters(
    every: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    as_json: AsJsonLines = False,
    credentials: Credentials = None,
) -> None:
    """List letters that nobody has settled."""
    found = [
        one for one in run(post.letters(login(READER, credentials))) if every or not one.settled
    ]
    if as_json:
        for one in found:
            typer.echo(orjson.dumps(_content(one)))
        return
    rows = Table("number", "at", "source", "role", "reason", "message", "state")
    for one in found:
        fact = one.fact
        rows.add_row(
            str(one.number),
            f"{one.time:%Y-%m-%d %H:%M:%S}",
            plain(_place(one)),
            fact.role,
            plain(fact.reason),
            plain(fact.message[:200]),
            "settled" if one.settled else "open",
        )
    Console().print(rows)


@app.command()
def show(
    number: Number,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the value's bytes, nothing else.")
    ] = False,
    as_json: AsJson = False,
    credentials: Credentials = None,
) -> None:
    """Show one letter: reason, headers and value."""
    one = _chosen(login(READER, credentials), [number])[0]
    value = base64.b64decode(one.fact.value)
    if raw:
        sys.stdout.buffer.write(value)
        return
    if as_json:
        typer.echo(orjson.dumps(_content(one), option=orjson.OPT_INDENT_2))
        return
    rows = Table.grid(padding=(0, 2))
    for name, told in (
        ("source", _place(one)),
        ("given up by", one.fact.role),
        ("reason", one.fact.reason),
        ("message", one.fact.message),
        ("key", _text(one.fact.key)),
        *((f"header {name}", _text(text)) for name, text in one.fact.headers),
    ):
        rows.add_row(plain(name), plain(told))
    body = plain(value.decode("utf-8", "backslashreplace")[:SHOWN_CHARS])
    Console().print(rows, Panel(body, title=f"{len(value)} bytes", title_align="left"))


@app.command()
def replay(
    numbers: Numbers,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    credentials: Credentials = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--credentials-dir",
            help="Folder with <user>.json of the reading role and the writing user. "
            "Default: the embedded broker's.",
        ),
    ] = None,
) -> None:
    """Send the original records of letters again, unchanged, and settle the letters."""
    kafka = login(READER, credentials)
    for one in _chosen(kafka, numbers):
        with shown():
            as_user = post.writer_of(one)
        if not yes:
            typer.confirm(f"Send {_place(one)} again as {as_user}?", abort=True)
        run(post.replay(one, partial(_login_of, folder)))
        run(post.settle(kafka, [one.number]))
        typer.echo(f"{one.number} sent again to {one.fact.source_topic}")


@app.command()
def drop(numbers: Numbers, credentials: Credentials = None) -> None:
    """Settle letters without sending them again."""
    kafka = login(READER, credentials)
    chosen = _chosen(kafka, numbers)
    run(post.settle(kafka, [one.number for one in chosen]))
    typer.echo(f"{len(chosen)} settled")


def _login_of(folder: Path | None, user: str) -> KafkaSettings:
    if folder is None:
        return embedded(user)
    return KafkaSettings.of_file(folder / f"{user}.json", topic_prefix=KafkaSettings().topic_prefix)


def _chosen(kafka: KafkaSettings, numbers: list[int]) -> list[Letter]:
    known = {one.number: one for one in run(post.letters(kafka))}
    missing = [number for number in numbers if number not in known]
    if missing:
        what = "is no letter" if len(missing) == 1 else "are no letters"
        fail(f"there {what} {', '.join(map(str, missing))}: see `aoi dlq list --all`")
    return [known[number] for number in numbers]


def _place(letter: Letter) -> str:
    fact = letter.fact
    return (
        f"{fact.source_topic}/{fact.partition}/{fact.offset}"
        if fact.partition >= 0
        else fact.source_topic
    )


def _text(encoded: str | None) -> str:
    return "" if encoded is None else base64.b64decode(encoded).decode("utf-8", "backslashreplace")


def _content(letter: Letter) -> dict[str, object]:
    return {
        "number": letter.number,
        "time": letter.time.isoformat(),
        "settled": letter.settled,
        **letter.fact.model_dump(mode="json"),
    }
