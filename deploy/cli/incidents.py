"""Look at incidents, and at everything that happened in one of them.

Invariant: read from the topics alone, as a user without any right to write; `list` and `show` end,
since they read to the ends that the topics had when they began.
"""

from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.contracts.incident import IncidentSnapshot, IncidentStatus
from deploy.cli._chain_view import content, row, tree
from deploy.cli._login import AsJson, AsJsonLines, Credentials, login, run
from deploy.cli._request_view import plain
from streams import chain, history, topics
from streams.chain import Link
from streams.settings import KafkaSettings
from streams.tail import Tail
from streams.topic import Outsider

app = typer.Typer(no_args_is_help=True)
TABLE_COLUMNS = 120
READER = str(Outsider.OPERATOR)
User = Annotated[str, typer.Option("--user", help="As whom: operator or auditor.")]


@app.command("list")
def list_incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Open ones only.")] = False,
    as_json: AsJsonLines = False,
    user: User = READER,
    credentials: Credentials = None,
) -> None:
    """List incidents by their latest snapshot."""
    found = run(chain.incidents(login(user, credentials)))
    kept = [one for one in found if not open_only or one.status is IncidentStatus.OPEN]
    if as_json:
        for one in kept:
            typer.echo(one.model_dump_json())
        return
    console = Console()
    if console.width >= TABLE_COLUMNS:
        console.print(_table(kept))
    else:
        console.print(_lines(kept), soft_wrap=True)


@app.command()
def show(
    incident: Annotated[str, typer.Argument(help="The incident's id, or its beginning.")],
    as_json: AsJson = False,
    user: User = READER,
    credentials: Credentials = None,
) -> None:
    """Show one incident from its alert to its audit, every event under its cause."""
    found = run(chain.chain_of(login(user, credentials), incident))
    if as_json:
        typer.echo(orjson.dumps(content(found), option=orjson.OPT_INDENT_2))
        return
    Console().print(tree(found))


@app.command()
def watch(
    incident: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    user: User = READER,
    credentials: Credentials = None,
) -> None:
    """Show what happens in incidents as it happens."""
    run(_watch(login(user, credentials), incident))


async def _watch(settings: KafkaSettings, wanted: str | None) -> None:
    followed = history.readable(settings, (topics.INCIDENTS, *chain.CARRIERS))
    async with Tail(settings, followed) as tail:
        async for topic, event in tail:
            named = event.incident or chain.incident_of(event.fact) or ""
            if wanted is not None and not named.startswith(wanted):
                continue
            # a tail does not tell partitions and offsets, and a line does not show them
            link = Link(topic=topic.name, partition=-1, offset=-1, event=event, time=event.time)
            line = plain(f"{named[:8]} ").append_text(row(link))
            Console().print(line, soft_wrap=True)


def _table(found: list[IncidentSnapshot]) -> Table:
    rows = Table()
    for name in ("incident", "opened"):
        rows.add_column(name, no_wrap=True)
    for name in ("status", "task", "severity", "namespace", "title", "alerts"):
        rows.add_column(name, overflow="fold")
    for one in found:
        rows.add_row(
            one.incident_id[:8],
            f"{one.opened_at:%Y-%m-%d %H:%M:%S}",
            plain(one.outcome or one.status),
            one.task,
            plain(one.severity),
            plain(one.namespace or ""),
            plain(one.title),
            str(len(one.alerts)),
        )
    return rows


def _lines(found: list[IncidentSnapshot]) -> Text:
    """Return two lines an incident: for a terminal too narrow for the table."""
    blocks = []
    for one in found:
        block = Text.assemble((one.incident_id[:8], "bold"), f"  {one.opened_at:%Y-%m-%d %H:%M:%S}")
        block.append("  ").append_text(plain(one.outcome or one.status))
        block.append(f"  {one.task}\n  ").append_text(plain(f"{one.namespace or '-'}: {one.title}"))
        block.append_text(plain(f" ({one.severity}, alerts: {len(one.alerts)})"))
        blocks.append(block)
    return Text("\n").join(blocks)
