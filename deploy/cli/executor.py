"""Pause the Executor, let it go on, and see what it does or why it does nothing.

Invariant: pause and resume are signed with an operator's key and published once; the Executor
checks the signature itself. `status` reads the topics alone, with the Executor's own functions.
Which cluster is meant is the gate's setting (`AOI_GATE__CLUSTER`); a resume for another is none.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey, sign_control
from agents.contracts.envelope import Event
from agents.contracts.execution import ActSettled
from agents.contracts.feedback import ControlKind, ControlPayload
from agents.contracts.ids import EventId, derive
from agents.executor.breaker import Breaker
from agents.settings import ExecutorSettings, GateSettings
from agents.worker import Poison
from deploy.cli._login import AsJson, Credentials, login, places, run, shown
from deploy.cli._request_view import plain
from deploy.cli._signer import signer
from streams import history
from streams import login as kafka_login
from streams.codec import decode
from streams.controls import Controls
from streams.host import now
from streams.ledger import LedgerIndex
from streams.settings import KafkaSettings
from streams.topic import Outsider
from streams.topics import CONTROLS, LEDGER
from streams.wire import outgoing

app = typer.Typer(no_args_is_help=True)

OPERATOR = str(Outsider.OPERATOR)
HOUR = timedelta(hours=1)
SHOWN = 10
Name = Annotated[str | None, typer.Option("--as", help="The operator's name. Default: the key's.")]
Key = Annotated[
    Path | None, typer.Option("--key", help="Private key file. Default: <state>/keys/<name>.key.")
]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; it is signed and shown.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the topics say of the Executor."""

    controls: Controls
    ledger: LedgerIndex
    breaker: Breaker

    @property
    def opened_at(self) -> datetime | None:
        """When the circuit breaker opened; None while it is closed."""
        return self.breaker.opened_at(self.ledger.failures())


@app.command()
def pause(
    reason: Reason,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Ends by itself after.")] = None,
    name: Name = None,
    key: Key = None,
    credentials: Credentials = None,
) -> None:
    """Let no act begin until `resume`; orders wait, and expire."""
    issued = now()
    until = None if minutes is None else issued + timedelta(minutes=minutes)
    _order(ControlKind.PAUSE_EXECUTOR, issued, until, reason, name, key, credentials)


@app.command()
def resume(
    reason: Reason,
    name: Name = None,
    key: Key = None,
    credentials: Credentials = None,
) -> None:
    """End a pause, and close the circuit breaker."""
    opened = run(_standing(login(OPERATOR, credentials))).opened_at
    # the ledger's clock may be ahead of this one: the resume comes after what it forgives
    issued = now() if opened is None else max(now(), opened)
    _order(ControlKind.RESUME_EXECUTOR, issued, None, reason, name, key, credentials)


@app.command()
def status(as_json: AsJson = False, credentials: Credentials = None) -> None:
    """Show whether acts go on, who paused them and why, the circuit breaker, and the last acts."""
    standing, moment = run(_standing(login(OPERATOR, credentials))), now()
    if as_json:
        typer.echo(orjson.dumps(_content(standing, moment), option=orjson.OPT_INDENT_2))
        return
    console = Console()
    console.print(_words(standing, moment), markup=False, highlight=False)
    console.print(_table(standing))


def _content(standing: Standing, moment: datetime) -> dict[str, object]:
    pause, opened = standing.controls.pause, standing.opened_at
    return {
        "acting": pause is None and opened is None,
        "pause": None if pause is None else pause.model_dump(mode="json"),
        "circuit_opened_at": opened,
        "failures_counted": standing.breaker.limit,
        "acts_last_hour": standing.ledger.acts_since(moment - HOUR),
        "unsettled": sorted(set(standing.ledger.first) - set(standing.ledger.settled)),
        "acts": [
            {"at": at, "result": one.result, "reason": one.reason, "approval_id": one.approval_id}
            for at, one in _last(standing)
        ],
    }


def _words(standing: Standing, moment: datetime) -> str:
    pause, opened = standing.controls.pause, standing.opened_at
    lines = []
    if pause is not None:
        until = "resumed" if pause.expires is None else f"{pause.expires:%Y-%m-%d %H:%M:%S %Z}"
        said = plain(pause.reason).plain
        lines.append(
            f"paused by {pause.operator} at {pause.issued_at:%Y-%m-%d %H:%M:%S %Z} until {until}: "
            f"{said}"
        )
    if opened is not None:
        lines.append(
            f"circuit open since {opened:%Y-%m-%d %H:%M:%S %Z}: {standing.breaker.limit} acts "
            f"failed or were undone within {standing.breaker.window}; "
            "`aoi executor resume` closes it"
        )
    lines = lines or ["acts go on"]
    lines.append(f"{standing.ledger.acts_since(moment - HOUR)} acts within the last hour")
    waiting = set(standing.ledger.first) - set(standing.ledger.settled)
    if waiting:
        lines.append(f"without an outcome (unknown until they have one): {', '.join(waiting)}")
    return "\n".join(lines)


def _table(standing: Standing) -> Table:
    rows = Table()
    for name in ("settled at", "result", "reason", "rolled back", "act"):
        rows.add_column(name, overflow="fold")
    rows.add_column("incident", no_wrap=True)
    for at, one in _last(standing):
        rows.add_row(
            f"{at:%Y-%m-%d %H:%M:%S}",
            str(one.result),
            plain(one.reason),
            "yes" if one.rolled_back else "",
            plain(one.executed.action.type),
            one.incident_id[:8],
        )
    return rows


def _last(standing: Standing) -> list[tuple[datetime, ActSettled]]:
    ledger = standing.ledger
    found = ((ledger.settled_at[name], one) for name, one in ledger.settled.items())
    return sorted(found, key=lambda pair: pair[0], reverse=True)[:SHOWN]


async def _standing(kafka: KafkaSettings) -> Standing:
    limits = ExecutorSettings()
    ledger = LedgerIndex()
    controls = Controls(Keyring.load(places().keyring), now, GateSettings().cluster)
    async for received in history.history(kafka, [CONTROLS, LEDGER]):
        if received.source.topic == LEDGER.name:
            ledger.take(received)
        elif received.record.value is not None:
            with suppress(Poison):  # the Executor skips what it can't read, too
                event = decode(received, CONTROLS.facts, broker_time=CONTROLS.broker_time)
                controls.on_event(event)
    breaker = Breaker(
        limit=limits.max_failures,
        window=timedelta(seconds=limits.failure_window_seconds),
        resumed_at=lambda: controls.resumed_at,
    )
    return Standing(controls=controls, ledger=ledger, breaker=breaker)


def _order(
    kind: ControlKind,
    issued: datetime,
    until: datetime | None,
    reason: str,
    name: str | None,
    file: Path | None,
    credentials: Path | None,
) -> None:
    with shown():
        path = file or places().keys / f"{name or OPERATOR}.key"
        by, key = signer(path, places().keyring, name, now(), Purpose.CONTROL)
    cluster = GateSettings().cluster
    payload = ControlPayload(
        kind=kind, operator=by, issued_at=issued, expires=until, reason=reason, cluster=cluster
    )
    run(_send(login(OPERATOR, credentials), payload, key))
    typer.echo(f"{kind} sent as {by} for cluster {cluster}")


async def _send(kafka: KafkaSettings, payload: ControlPayload, key: SigningKey) -> None:
    control = sign_control(key, payload)
    event = Event(
        id=EventId(derive("control", control.signature)),
        source=f"/operators/{payload.operator}",
        time=now(),
        key=payload.kind,
        fact=control,
    )
    async with AIOKafkaProducer(acks="all", **kafka_login.aiokafka(kafka)) as producer:
        for one in outgoing(event):
            await producer.send_and_wait(
                kafka.topic(one.topic),
                one.record.value,
                key=one.record.key,
                partition=one.partition,
                headers=list(one.record.headers),
            )
