"""The role inference as a process on a real broker: promotions serve without a restart."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from agents.contracts.envelope import Event
from agents.contracts.ids import IncidentId, ModelId, event_id
from agents.contracts.model import (
    Message,
    ModelPromoted,
    ModelReplied,
    ModelRequested,
    ModelRole,
    ModelRolledBack,
)
from learner.models import ModelRef, reference_of
from learner.promotion import as_event
from streams import history, login
from streams.outbox import Outbox
from streams.topics import MODEL_REPLIES
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 27, tzinfo=UTC)

_spec = importlib.util.spec_from_file_location(
    "checkpoints", ROOT / "tests" / "unit" / "models" / "checkpoints.py"
)
assert _spec
assert _spec.loader
checkpoints = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(checkpoints)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelRef, ModelRef]:
    folder = tmp_path_factory.mktemp("models")
    return (
        reference_of(checkpoints.make_checkpoint(folder / "first", seed=1)),
        reference_of(checkpoints.make_checkpoint(folder / "second", seed=2)),
    )


@dataclass(slots=True)
class Serving:
    """The role's process, and incidents that ask it."""

    space: "Space"
    process: subprocess.Popen[bytes]
    producer: AIOKafkaProducer
    log: Path
    asked: dict[str, str] = field(default_factory=dict)

    async def ask(self, incident: str, model_id: str, *, tokens: int = 8) -> None:
        """Ask one question of an incident that has pinned a model."""
        request = f"{incident}-{len(self.asked)}"
        fact = ModelRequested(
            incident_id=IncidentId(incident),
            request_id=request,
            role=ModelRole.OBSERVER,
            iteration=1,
            model_id=ModelId(model_id),
            messages=(Message(role="user", content="get pods"),),
            max_tokens=tokens,
            seed=1,
        )
        event = Event(
            id=event_id(incident, "ModelRequested", request),
            source="aoi/observer",
            time=NOW,
            key=incident,
            fact=fact,
            incident=fact.incident_id,
        )
        for one in outgoing(event):
            await self.producer.send_and_wait(
                self.space.login().topic(one.topic),
                key=one.record.key,
                value=one.record.value,
                headers=list(one.record.headers),
                partition=one.partition,
            )
        self.asked[request] = incident

    async def replies(self) -> dict[str, ModelReplied]:
        """Return the replies to all that was asked, by request, when they are all there."""
        deadline = time.monotonic() + 90
        while True:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            found = {
                event.fact.request_id: event.fact
                async for _, event in history.events(self.space.login(), [MODEL_REPLIES])
                if isinstance(event.fact, ModelReplied)
            }
            if self.asked.keys() <= found.keys():
                return found
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            await asyncio.sleep(0.5)

    async def of(self, incident: str) -> set[str]:
        """Return who has answered an incident."""
        replies = await self.replies()
        return {replies[one].model_id for one, other in self.asked.items() if other == incident}

    async def decide(self, fact: ModelPromoted | ModelRolledBack, turn: int) -> None:
        """Publish as the learner does."""
        async with Outbox(self.space.login("learner")) as outbox:
            assert (await outbox.publish([as_event(fact, turn=turn, time=NOW)])).written


@asynccontextmanager
async def serving(space: "Space", first: ModelRef, state: Path) -> AsyncIterator[Serving]:
    log = state / "inference.log"
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("AOI_")},
        "AOI_STATE_DIR": str(state),
        "AOI_KAFKA__CREDENTIALS_FILE": str(space.broker.credential_file("inference")),
        "AOI_KAFKA__TOPIC_PREFIX": space.prefix,
        "AOI_MODEL__PATH": first.location,
        "AOI_MODEL__THREADS": "1",
        "AOI_MODEL__WAIT_SECONDS": "5",
        "AOI_MODEL__LOADED": "2",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220 - it lives beside the test
            [sys.executable, "-m", "streams.run", "inference"],
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        async with AIOKafkaProducer(**login.aiokafka(space.login())) as producer:
            yield Serving(space, process, producer, log)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 40) == 0, log.read_text()[-3000:]
    finally:
        process.kill()
        process.wait()


def promotion(model: ModelRef) -> ModelPromoted:
    return ModelPromoted(
        role=ModelRole.OBSERVER,
        model_id=ModelId(model.model_id),
        location=model.location,
        digest=model.digest,
        verdict="better",
    )


async def test_a_promotion_serves_new_incidents_and_open_ones_keep_their_weights(
    space: "Space", models: tuple[ModelRef, ModelRef], tmp_path: Path
) -> None:
    first, second = models
    async with serving(space, first, tmp_path) as role:
        await role.ask("old", "default")
        assert await role.of("old") == {first.model_id}
        # an answer of two hundred tokens is under way while the new weights load
        await role.ask("old", "default", tokens=200)
        # the observer may hear of the promotion first
        await role.ask("new", second.model_id)
        await role.decide(promotion(second), turn=1)
        for _ in range(3):
            await role.ask("old", "default")
            await role.ask("new", second.model_id)
        assert await role.of("old") == {first.model_id}
        assert await role.of("new") == {second.model_id}
        texts = {one.text for one in (await role.replies()).values()}
        assert None not in texts
        assert len(texts) > 1

        await role.ask("lost", "ghost@000000000000")
        (lost,) = [one for one in (await role.replies()).values() if one.incident_id == "lost"]
        assert lost.text is None
        assert "no promotion named it within 5 s" in (lost.error or "")

        back = ModelRolledBack(
            role=ModelRole.OBSERVER,
            model_id=ModelId(first.model_id),
            location=first.location,
            digest=first.digest,
            withdrawn=ModelId(second.model_id),
            reason="worse",
        )
        await role.decide(back, turn=2)
        await role.ask("newest", first.model_id)
        await role.ask("new", second.model_id)
        assert await role.of("newest") == {first.model_id}
        assert await role.of("new") == {second.model_id}
        assert role.log.read_text().count("model loaded") == 1

    changed = Path(second.location) / "model.safetensors"
    whole = changed.read_bytes()
    changed.write_bytes(whole + b"\0")
    try:
        async with serving(space, first, tmp_path) as restarted:
            await restarted.ask("changed", second.model_id)
            (told,) = [
                one for one in (await restarted.replies()).values() if one.incident_id == "changed"
            ]
            assert f"expected {second.digest}" in (told.error or "")
    finally:
        changed.write_bytes(whole)
