"""Runs the lab process: HTTP for the three handles, alerts to the intake, judgements to Kafka.

Invariant: everything of it listens on loopback; tokens, its address and the catalogue are files
that only their owner can read, and nothing of the catalogue is served. It is an outsider to the
pipeline: its Kafka user may read `plans` and write `feedback`, nothing else.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import aiohttp
import orjson
import structlog
from aiohttp import web
from aiokafka import AIOKafkaProducer

from agents.approval.signing import SigningKey
from agents.contracts.envelope import Event
from agents.contracts.feedback import OutcomeJudged
from agents.contracts.ids import event_id
from agents.contracts.plan import PlanKind, PlanProposed
from agents.environments.remote.server import application
from agents.environments.remote.wire import Right
from deploy.embedded.credentials import write_private
from deploy.embedded.lab import rounds
from deploy.embedded.lab.address import Address
from deploy.embedded.lab.alerting import post, webhook
from deploy.embedded.lab.host import LabHost
from deploy.embedded.lab.settings import LabSettings
from streams import login
from streams.settings import KafkaSettings
from streams.tail import Tail
from streams.topics import PLANS
from streams.wire import outgoing

HOST = "127.0.0.1"
WATCH_SECONDS = 1.0
log = structlog.get_logger(__name__)


async def serve(settings: LabSettings, kafka: KafkaSettings) -> None:
    """Serve until cancelled. Labs are open before the address file appears."""
    host = LabHost(key=SigningKey.load(settings.judge_key))
    host.open(settings)
    _catalogued(host, settings.catalogue_file)
    tokens = {right: _token(settings.tokens_dir, right) for right in Right}

    def release(number: int) -> int:
        count = host.release(number)
        _catalogued(host, settings.catalogue_file)
        log.info("round_released", round=number, labs=count)
        return count

    door = rounds.door(release, _token(settings.tokens_dir, rounds.TOKEN))
    async with (
        _serving(application(host.labs, tokens), settings.port) as url,
        _serving(door, 0) as rounds_url,
        Tail(kafka, (PLANS,)) as tail,
    ):
        address = Address(
            url=url,
            rounds_url=rounds_url,
            namespaces=tuple(name for names in host.rounds for name in names),
            rounds=tuple(host.rounds),
        )
        write_private(settings.address_file, address.model_dump_json().encode())
        log.info("lab_serves", url=url, labs=len(host.labs), held=len(host.held))
        await _together(_judging(host, tail, kafka), _alerting(host, settings))


@contextlib.asynccontextmanager
async def _serving(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve an application on loopback; yields its address."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _token(folder: Path, name: str) -> str:
    """Draw a token into a file of its own."""
    token = secrets.token_urlsafe(24)
    write_private(folder / f"{name}.token", token.encode())
    return token


def _catalogued(host: LabHost, file: Path) -> None:
    write_private(file, orjson.dumps(host.catalogue()))


async def _together(*work: Awaitable[None]) -> None:
    """Run all; the first that fails ends the others."""
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(_awaited(one))


async def _awaited(one: Awaitable[None]) -> None:
    await one


async def _judging(host: LabHost, tail: Tail, kafka: KafkaSettings) -> None:
    producer = AIOKafkaProducer(**login.aiokafka(kafka), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        async for _, event in tail:
            plan = event.fact
            if not isinstance(plan, PlanProposed) or plan.kind is not PlanKind.SUBMIT:
                continue
            judged = host.judge(plan)
            if judged is not None:
                await _published(producer, kafka, judged, event)
    finally:
        await producer.stop()


async def _published(
    producer: AIOKafkaProducer, kafka: KafkaSettings, judged: OutcomeJudged, cause: Event
) -> None:
    payload = judged.payload
    event = Event(
        id=event_id(payload.incident_id, "OutcomeJudged", payload.judge),
        source=f"aoi/{payload.judge}",
        time=payload.judged_at,
        key=payload.incident_id,
        fact=judged,
        incident=payload.incident_id,
        cause=cause.id,
    )
    for out in outgoing(event):
        await producer.send_and_wait(
            kafka.topic(out.topic),
            key=out.record.key,
            value=out.record.value,
            headers=list(out.record.headers),
            partition=out.partition,
        )


async def _alerting(host: LabHost, settings: LabSettings) -> None:
    """Post each lab's first alerts as a storm, then whatever begins or ends."""
    url = f"{settings.intake_url}/v1/alerts/alertmanager"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        while True:
            for namespace in list(host.labs):
                changed = host.changed_alerts(namespace)
                if changed:
                    await post(session, url, webhook(namespace, changed))
                    await asyncio.sleep(settings.spacing_seconds)
            await asyncio.sleep(WATCH_SECONDS)
            if settings.tick_seconds:
                host.tick(settings.tick_seconds * WATCH_SECONDS)


def main() -> None:
    """Run the lab process with settings from the environment."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(LabSettings(), KafkaSettings()))


if __name__ == "__main__":
    main()
