"""Where intake's facts go: a protocol, and the Kafka one, which returns only once acknowledged.

Invariant: `publish` returns after every replica in sync has every event, or raises `Transient`.
`streams/publisher.py` keeps the producer idempotent and replaces it after an error.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol, Self

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from agents.contracts.envelope import Event
from agents.roles import Role
from agents.worker import Transient
from streams import login
from streams.publisher import Publisher
from streams.settings import KafkaSettings
from streams.wire import all_outgoing


class Sink(Protocol):
    """Takes facts for their topics."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when all are durable; raises `Transient`."""
        ...

    async def ready(self) -> bool:
        """Tell whether facts would be taken now."""
        ...


class KafkaSink:
    """The sink of production; use it as an async context."""

    def __init__(self, settings: KafkaSettings, *, acknowledge_seconds: float = 10.0) -> None:
        self._settings = settings
        self._wait = acknowledge_seconds
        rng = random.Random()  # noqa: S311 - spreads pauses
        self._publisher = Publisher(settings, Role.INTAKE, rng)

    async def __aenter__(self) -> Self:
        """Connect, so that the first delivery need not wait for it. Raises `Fatal`."""
        await self._publisher.once(())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the connection go."""
        await self._publisher.close()

    async def publish(self, events: Sequence[Event]) -> None:
        """Send all and wait for all acknowledgements; raises `Transient` and `Fatal`."""
        try:
            async with asyncio.timeout(self._wait):
                await self._publisher.once(all_outgoing(events))
        except (KafkaError, OSError, TimeoutError) as error:
            raise Transient(f"Kafka did not acknowledge: {error!r}") from error

    async def ready(self) -> bool:
        """Tell whether the cluster answers and knows us."""
        client = AIOKafkaClient(**login.aiokafka(self._settings))
        try:
            async with asyncio.timeout(self._wait):
                await client.bootstrap()
        except (KafkaError, OSError, TimeoutError):
            return False
        else:
            return True
        finally:
            await client.close()
