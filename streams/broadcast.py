"""Broadcast topics as typed snapshots: guidance and models for the mind, controls for the hands.

Invariant: a role takes no event before its broadcasts were read to their end. A record that can't
be read is skipped and logged. Which control counts is asked in `streams/controls.py`.
"""

from collections.abc import Callable, Iterable

import structlog
from pydantic import ValidationError

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import ModelId
from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.incident import Current
from agents.models.index import Place
from agents.worker import Poison
from streams.codec import Received, decode
from streams.follow import Follower
from streams.settings import KafkaSettings
from streams.topic import Topic

log = structlog.get_logger(__name__)

OnEvent = Callable[[Event], None]
OnRemoved = Callable[[str], None]


class Broadcast:
    """Follows some broadcast topics and hands their facts to one snapshot."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Iterable[Topic],
        on_event: OnEvent,
        on_removed: OnRemoved = lambda _: None,
    ) -> None:
        self._on_event, self._on_removed = on_event, on_removed
        self._followers = [Follower(settings, topic, self._receiver(topic)) for topic in topics]

    async def start(self) -> None:
        """Return when every topic was read to its end. Raises Fatal."""
        for follower in self._followers:
            await follower.start()

    async def close(self) -> None:
        """Stop following."""
        for follower in self._followers:
            await follower.close()

    def _receiver(self, topic: Topic) -> Callable[[Received], None]:
        def receive(received: Received) -> None:
            if received.record.value is None:
                self._on_removed((received.record.key or b"").decode(errors="replace"))
                return
            try:
                self._on_event(decode(received, topic.facts, broker_time=topic.broker_time))
            except Poison as error:
                log.warning(
                    "broadcast skipped", topic=topic.name, offset=received.offset, reason=error.code
                )

        return receive


def observer_view(current: Current) -> tuple[OnEvent, OnRemoved]:
    """Return what keeps the Observer's view of guidance and of its model up to date."""

    def on_event(event: Event) -> None:
        match event.fact:
            case GuidancePublished() as guidance:
                current.guidance[event.key] = guidance
            case ModelPromoted() | ModelRolledBack() as model if model.role is ModelRole.OBSERVER:
                current.model_id = model.model_id

    def on_removed(key: str) -> None:
        current.guidance.pop(key, None)

    return on_event, on_removed


def models_view(offer: Callable[[ModelId, Place], None]) -> OnEvent:
    """Return what tells serving where the weights of promoted models lie, whatever their role."""

    def on_event(event: Event) -> None:
        match event.fact:
            case ModelPromoted() | ModelRolledBack() as model:
                try:
                    place = Place(location=model.location, digest=model.digest)
                except ValidationError as error:
                    log.warning("promotion skipped", event_id=event.id, reason=str(error))
                else:
                    offer(model.model_id, place)

    return on_event


def not_loadable(model_id: ModelId, place: Place) -> None:
    """Say that an endpoint serves whatever it serves, not the weights that were promoted."""
    log.warning(
        "promotion not loaded: AOI_MODEL__BASE_URL is set, so its endpoint answers for every id; "
        "serve the checkpoint there, or set AOI_MODEL__PATH instead",
        model_id=model_id,
        location=place.location,
    )
