"""Look at requests for approval and decide them with a key.

Invariant: nothing is decided without naming one request, or serving one file of rules; the key is
read from a file that its owner alone can read, and never leaves the process.
"""

import asyncio
from pathlib import Path
from typing import Annotated, cast

import typer
from pydantic import ValidationError
from rich.console import Console

from agents.approval.keyring import voice
from agents.approval.signing import SigningKey
from agents.contracts.approval import ActionDecided, DecisionVerdict
from agents.policy.actions import words_of
from deploy.cli import _approval_keys
from deploy.cli._login import AsJson, AsJsonLines, Credentials, fail, login, places, run, shown
from deploy.cli._request_view import panel, plain, table, tally
from deploy.cli._signer import only_person, signer
from deploy.embedded.keys import HOLDERS
from streams import settings_fault
from streams.approvals import rules as rulebook
from streams.approvals.client import Approvals, Asked, Request, every_request
from streams.approvals.decision import RequestFalse, check_true
from streams.approvals.shown import shown_of, told_of
from streams.host import now
from streams.settings import KafkaSettings
from streams.topic import Outsider
from streams.topics import ACTIONS_REQUESTED

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str | None,
    typer.Option("--name", "--as", help="The approver's name. Default: whose the key is."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        help="Private key file. Default: <state>/keys/<name>.key; without a name the only person's "
        "key there.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not show and ask.")]
Id = Annotated[str, typer.Argument(help="The request's id, or its beginning.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Shown to others, not signed.")]
APPROVER = str(Outsider.APPROVER)


@app.command("list")
def list_requests(
    every: Annotated[bool, typer.Option("--all", help="Settled and expired ones too.")] = False,
    as_json: AsJsonLines = False,
    credentials: Credentials = None,
) -> None:
    """List open requests."""
    found = run(every_request(login(APPROVER, credentials)))
    moment = now()
    kept = [one for one in found if every or (one.settled is None and one.fact.expires > moment)]
    if as_json:
        for one in kept:
            for fault in shown_of(one.fact).faults:
                typer.echo(plain(f"request {one.fact.approval_id} {fault}").plain, err=True)
            typer.echo(told_of(one.fact).model_dump_json())
        return
    Console().print(table(kept, moment))


@app.command()
def show(request: Id, as_json: AsJson = False, credentials: Credentials = None) -> None:
    """Show one request whole: act, dry run, evidence, blast radius, rollback, expiry."""
    one = _one(login(APPROVER, credentials), request)
    if as_json:  # another language may sign what comes out here: nothing does that is false
        with shown():
            check_true(one.fact)
        typer.echo(one.fact.model_dump_json(indent=2))
        return
    Console().print(panel(one, now()))


@app.command()
def approve(
    request: Id,
    name: Name = None,
    key: Key = None,
    comment: Comment = "",
    yes: Yes = False,
    credentials: Credentials = None,
) -> None:
    """Approve one request."""
    by, kafka = _signer(name, key), login(APPROVER, credentials)
    _decide(kafka, request, DecisionVerdict.APPROVE, by, comment, yes=yes)


@app.command()
def deny(
    request: Id,
    name: Name = None,
    key: Key = None,
    comment: Comment = "",
    yes: Yes = False,
    credentials: Credentials = None,
) -> None:
    """Refuse one request."""
    by, kafka = _signer(name, key), login(APPROVER, credentials)
    _decide(kafka, request, DecisionVerdict.REFUSE, by, comment, yes=yes)


@app.command()
def watch(credentials: Credentials = None) -> None:
    """Show open requests, then new ones as they come."""
    run(_watch(login(APPROVER, credentials)))


@app.command()
def serve(
    rules: Annotated[Path, typer.Option(help="YAML file of rules; what none covers is refused.")],
    name: Name = None,
    key: Key = None,
    credentials: Credentials = None,
) -> None:
    """Answer requests by rules, as an ordinary approver."""
    with shown():
        book = rulebook.load(rules)
    run(_serve(login(APPROVER, credentials), book, *_signer(name, key)))


@app.command()
def send(
    decision: Annotated[
        typer.FileBinaryRead, typer.Argument(help="A signed ActionDecided as JSON.")
    ] = cast("typer.FileBinaryRead", "-"),
    credentials: Credentials = None,
) -> None:
    """Publish a decision that was signed elsewhere (in another language, by a device)."""
    with shown():
        try:
            fact = ActionDecided.model_validate_json(decision.read())
        except ValidationError as error:
            faults = settings_fault.told(error)
            fail(f"expected a signed decision as JSON (docs/approvals.md): {faults}")
    kafka = login(APPROVER, credentials)
    one = _open(_one(kafka, fact.payload.approval_id))
    _unsaid(one, fact.payload.verdict, fact.payload.approver)

    async def publish() -> None:
        async with Approvals(kafka) as approvals:
            await approvals.publish(fact, one.event)

    run(publish())
    typer.echo(plain(f"{fact.payload.verdict} sent for {fact.payload.approval_id}").plain)


app.command()(_approval_keys.keygen)
app.command()(_approval_keys.revoke)
app.command("keys")(_approval_keys.list_keys)


def _signer(name: str | None, path: Path | None) -> tuple[str, SigningKey]:
    keys, ring = places().keys, places().keyring
    with shown():
        if path is None:
            name = name or only_person(keys, ring, now(), HOLDERS)
            path = keys / f"{name}.key"
        return signer(path, ring, name, now())


def _one(kafka: KafkaSettings, name: str) -> Asked:
    found = run(every_request(kafka))
    fitting = [one for one in found if one.fact.approval_id.startswith(name)]
    if len(fitting) != 1:
        fail(f"expected one request whose id begins with {name!r}, found {len(fitting)}")
    return fitting[0]


def _open(asked: Asked) -> Asked:
    name = plain(asked.fact.approval_id).plain
    if asked.settled is not None:
        fail(f"{name} is settled already: see `aoi approvals list --all`")
    if asked.fact.expires <= now():
        fail(f"{name} expired at {asked.fact.expires:%Y-%m-%d %H:%M:%S %Z}")
    return asked


def _unsaid(asked: Asked, verdict: DecisionVerdict, name: str) -> None:
    """Leave where a name would approve twice, which counts once; it may still refuse."""
    said = {voice(one) for one in asked.approved_by or ()}
    if verdict is DecisionVerdict.APPROVE and voice(name) in said:
        fail(
            f"{name} has approved {plain(asked.fact.approval_id).plain} already "
            f"({plain(tally(asked)).plain}): approvers are counted by different names"
        )


def _decide(
    kafka: KafkaSettings,
    meant: str,
    verdict: DecisionVerdict,
    by: tuple[str, SigningKey],
    comment: str,
    *,
    yes: bool,
) -> None:
    name, key = by
    asked = _open(_one(kafka, meant))
    _unsaid(asked, verdict, name)
    if not yes:
        Console().print(panel(asked, now()))
        typer.confirm(f"{verdict.capitalize()} this as {name}?", abort=True)
        _open(asked)

    async def send() -> None:
        async with Approvals(kafka) as approvals:
            request = Request(fact=asked.fact, event=asked.event, sender=approvals)
            await approvals.send(request, verdict, name, key, comment)

    run(send())
    typer.echo(plain(f"{verdict} sent for {asked.fact.approval_id} as {name}").plain)


async def _watch(kafka: KafkaSettings) -> None:
    async with Approvals(kafka) as approvals:
        typer.echo(f"waiting for requests on {kafka.topic(ACTIONS_REQUESTED.name)}")
        async for request in approvals:
            asked = Asked(
                fact=request.fact,
                event=request.event,
                settled=None,
                approved_by=request.approved_by,
            )
            Console().print(panel(asked, now()))


async def _serve(kafka: KafkaSettings, book: rulebook.Rules, name: str, key: SigningKey) -> None:
    console = Console()
    async with Approvals(kafka) as approvals:
        console.print(f"answering as {name} by {len(book.rules)} rules", markup=False)
        async for request in approvals:
            answer = rulebook.judge(book, request.fact)
            if answer is None:
                continue
            try:
                await approvals.send(request, answer.verdict, name, key, answer.reason)
            except RequestFalse as error:  # whoever wrote it must not end the serving, too
                console.print(plain(f"not answered: {error}"))
                continue
            console.print(
                plain(f"{answer.verdict} {words_of(request.fact.action)}: {answer.reason}")
            )
            await asyncio.sleep(0)
