"""Faust's Kafka transport with consumers that read committed records only.

Invariant: no role ever sees a record of a transaction that was aborted or is still open. Faust
itself reads uncommitted unless its own `exactly_once` is on, which is not used here; there is no
setting, so the consumer's attribute is set before it starts.
"""

from collections.abc import Mapping
from typing import ClassVar

import faust
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.app.base import BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, TransportT
from faust.types.transports import ConsumerT

log = structlog.get_logger(__name__)


class CommittedThread(AIOKafkaConsumerThread):
    """The thread that polls Kafka."""

    def _create_worker_consumer(self, transport: Transport) -> object:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, "_isolation_level"):
            raise RuntimeError("expected aiokafka's consumer to have _isolation_level")
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - see the module's docstring
        return consumer

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit what is still assigned; unlike Faust's, a broker that is away is no crash."""
        mine = self.assignment()
        places = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in mine
        }
        try:
            await self._ensure_consumer().commit(places)
        except (KafkaError, IllegalStateError) as error:
            log.warning("offsets not committed yet", error=repr(error)[:300])
            return False
        return True


class CommittedConsumer(Consumer):
    """Faust's view of that thread."""

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Write the group's next offsets; whether the broker has them."""
        return await self._thread.commit(offsets)


class CommittedTransport(Transport):
    """What the app asks for consumers."""

    Consumer: ClassVar[type[ConsumerT]] = CommittedConsumer


class NoWeb(BootStrategy):
    """Starts no web server; Faust's command line would turn the setting on again."""

    enable_web = False


class CommittedApp(faust.App):
    """A Faust app that consumes committed records, serves no web and makes no folders."""

    BootStrategy = NoWeb

    def _new_transport(self) -> TransportT:
        return CommittedTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Make none: no table is kept here."""
