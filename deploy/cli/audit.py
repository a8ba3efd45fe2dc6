"""The audit: show it, export it, and verify that nobody changed it.

Invariant: `verify` trusts the keyring alone, and the broker in nothing. Its exit codes: 0 intact,
1 broken (every finding is told with its place), 2 the audit or the keyring could not be read.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from agents.approval.audit_proof import verify_trail
from agents.approval.audit_trust import Trust
from agents.approval.keyring import Keyring
from deploy.cli._audit_view import (
    chains_table,
    content,
    findings_list,
    told,
    trail_list,
    trail_table,
)
from deploy.cli._login import (
    FAILED,
    AsJson,
    AsJsonLines,
    Credentials,
    fail,
    login,
    places,
    run,
    shown,
)
from streams import audit
from streams.audit import Entry
from streams.host import now
from streams.topic import Outsider
from streams.topics import AUDIT_HEADS

app = typer.Typer(no_args_is_help=True)
BROKEN, UNREADABLE = 1, 2
AUDITOR = str(Outsider.AUDITOR)
User = Annotated[str, typer.Option("--user", help="As whom: auditor or operator.")]
File = Annotated[
    Path | None, typer.Option("--file", help="A dump of `aoi audit export` instead of the topics.")
]
TABLE_COLUMNS = 160


@app.command()
def verify(
    file: File = None,
    heads: Annotated[
        list[Path] | None,
        typer.Option("--heads", help="Earlier dump whose heads must still be reached. Repeatable."),
    ] = None,
    keyring: Annotated[Path | None, typer.Option(help="Default: <state>/keyring.json.")] = None,
    retained: Annotated[
        bool, typer.Option("--retained", help="Retention may have taken the oldest records.")
    ] = False,
    revoked: Annotated[
        bool, typer.Option("--revoked-keys", help="Accept keys that were revoked since.")
    ] = False,
    as_json: AsJson = False,
    credentials: Credentials = None,
) -> None:
    """Check every chain: contents, links, gaps, signatures, and that each reaches its heads."""
    with _readable():
        ring = Keyring.load(keyring or places().keyring)
        entries = _entries(file, AUDITOR, credentials)
        kept = [entry for path in heads or () for entry in audit.read_dump(path)]
        trust = Trust(keyring=ring, now=now(), revoked=revoked, retained=retained)
        report = verify_trail(audit.links(entries), audit.heads([*entries, *kept]), trust)
    findings = (*audit.unreadable([*entries, *kept]), *report.findings)
    if as_json:
        typer.echo(orjson.dumps(content(report, findings), option=orjson.OPT_INDENT_2))
    else:
        console = Console()
        console.print(chains_table(report))
        if findings:
            console.print(findings_list(findings), soft_wrap=True)
        console.print(told(report, findings), highlight=False)
    if findings:
        raise typer.Exit(BROKEN)


@app.command()
def show(
    incident: Annotated[
        str | None, typer.Option("--incident", help="Only this one: its id, or its beginning.")
    ] = None,
    writer: Annotated[
        str | None, typer.Option("--writer", help="Only this one: its name, or its beginning.")
    ] = None,
    file: File = None,
    as_json: AsJsonLines = False,
    user: User = AUDITOR,
    credentials: Credentials = None,
) -> None:
    """Show what was recorded, oldest first."""
    with _readable():
        entries = _entries(file, user, credentials)
    kept = [
        link
        for link in audit.links(entries)
        if link.record.incident_id.startswith(incident or "")
        and link.record.writer.startswith(writer or "")
    ]
    if not kept and (incident or writer):
        fail("found no record of that incident or writer: see `aoi incidents list`")
    if as_json:
        for link in kept:
            typer.echo(link.record.model_dump_json())
        return
    console = Console()
    if console.width >= TABLE_COLUMNS:
        console.print(trail_table(kept))
    else:
        console.print(trail_list(kept), soft_wrap=True)


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: stdout.")] = None,
    heads_only: Annotated[
        bool, typer.Option("--heads-only", help="The heads alone, to be kept elsewhere.")
    ] = False,
    user: User = AUDITOR,
    credentials: Credentials = None,
) -> None:
    """Write records and heads as JSON lines, each with its place in the log."""
    with _readable():
        entries = _entries(None, user, credentials)
        kept = [one for one in entries if one.topic == AUDIT_HEADS.name or not heads_only]
        data = b"".join(audit.dump(kept))
        if output is None:
            sys.stdout.buffer.write(data)
        else:
            output.write_bytes(data)
            heads = sum(one.topic == AUDIT_HEADS.name for one in kept)
            typer.echo(f"{len(kept) - heads} records and {heads} heads in {output}", err=True)


def _entries(file: Path | None, user: str, credentials: Path | None) -> list[Entry]:
    if file is not None:
        return audit.read_dump(file)
    return run(audit.read_topics(login(user, credentials)))


@contextmanager
def _readable() -> Iterator[None]:
    """Leave with 2 where the audit could not be read: 1 says that it was, and is broken."""
    try:
        with shown():
            yield
    except typer.Exit as left:
        code = UNREADABLE if left.exit_code == FAILED else left.exit_code
        raise typer.Exit(code) from left
