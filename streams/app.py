"""Who runs where: one Faust app a role, joined by topics and by nothing else.

    alerts -> [intake] -> alerts.grouped -> [correlator] -> incidents -> [observer] -> plans
                               ^                                |  ^                   |   |
                               |              model.requests <--+  +-- model.replies   |   |
                               |                    v                  ^               |   |
                               |                    +-> [inference] ---+               |   |
              GroupReleased    |        observations <- [compressor] <- telemetry <- [probe]
                               |                                            ^              |
                  [closer] ----+                                        [executor]         |
                     |  ^                                                   ^              v
                     |  +-- all that happened          actions.approved ----+---------- [gate]
                     v                                                                  ^   |
        trajectories, trajectories.failed        [preview] <-> previews.*  -------------+   |
                                                 [verifier] -> decisions  --------------+   |
                         actions.decided, feedback --^         actions.requested, refused <-+

Reducers (correlator, observer, gate, closer) are hosted by `reducers/host.py`, workers by
`workers/host.py`. Invariant: an agent's body does nothing but hand records to its host, so no
exception and no acknowledgement passes through Faust.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import faust
import structlog
from faust.types import TP, EventT

from agents.roles import Role
from streams import faust_login, topics
from streams.codec import Received, Record, Source
from streams.host import Host
from streams.logging import configure
from streams.metrics import LAG
from streams.reducers.host import ReducerHost
from streams.settings import KafkaSettings
from streams.transport import CommittedApp, CommittedConsumer
from streams.workers.host import WorkerHost

if TYPE_CHECKING:
    from streams.wiring import Wired

log = structlog.get_logger(__name__)

SETTINGS: dict[str, Any] = {
    # agents are made here, not found by importing everything
    "autodiscover": False,
    # take-over after a SIGKILL waits this long; the default of 60 s is too long for an incident
    "broker_session_timeout": 10,
    "broker_heartbeat_interval": 3,
    # a new group reads what was written before it came
    "consumer_auto_offset_reset": "earliest",
    # with stale metadata Faust's assignor assigns nothing ("ignoring missing topic"), as after a
    # broker's restart; a refresh that shows the topics makes the group assign anew
    "consumer_metadata_max_age_ms": 10_000,
    # topics and rights come from `aoi topics apply` alone
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    # with standby replicas on (there are none: no tables) Faust takes its own assignor, which gives
    # a process the same partition numbers of all inputs; otherwise it deals them round
    "table_standby_replicas": 1,
    "store": "memory://",
    # a single record must not wait for company
    "producer_linger": 0,
    # Faust tracks no acknowledgement here; the hosts drain what is under way themselves
    "stream_wait_empty": False,
    # it complains of offsets that it does not commit; the lag metric and the watchdog look instead
    "broker_commit_livelock_soft_timeout": 10**9,
    "stream_processing_timeout": 10**9,
    # even if something turns the web server on, it is not seen from outside
    "web_enabled": False,
    "web_bind": "127.0.0.1",
    "worker_redirect_stdouts": False,
}
REDUCER_BUFFER = 8_192  # events are small, and the loops take up to 1,000 at a time
LAG_SECONDS = 5.0
WORKER_BUFFER = 64  # what is under way already; telemetry can be large


class Companion(Protocol):
    """Something that a role needs next to it: a followed broadcast, the ledger."""

    async def start(self) -> None:
        """Return when it can be used; until then the role takes nothing."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class RoleApp(CommittedApp):
    """The Faust app of one role; its id is the consumer group."""

    role: Role
    host: Host
    companions: Sequence[Companion] = ()

    async def on_start(self) -> None:
        """Start companions and host before the consumer."""
        configure()  # Faust's worker has set the root logger its own way
        await super().on_start()
        for companion in self.companions:
            await companion.start()
        await self.host.start(self._fail, self._commit)
        self.add_future(self._watch_lag())

    async def on_stop(self) -> None:
        """Let the host finish while the consumer can still commit, then stop."""
        await self._stop_consumer()
        await self.host.close()
        for companion in self.companions:
            await companion.close()
        await super().on_stop()

    async def _fail(self, error: Exception) -> None:
        log.critical("the role stops", role=self.role, error=str(error))
        await self.crash(error)

    async def _commit(self, offsets: dict[Source, int]) -> bool:
        consumer = self.consumer
        assert isinstance(consumer, CommittedConsumer)  # noqa: S101 - the transport's own
        places = {TP(self.names[one.topic], one.partition): at for one, at in offsets.items()}
        return await consumer.commit_offsets(places)

    async def _watch_lag(self) -> None:
        """Tell every few seconds how many records of each input were not read yet."""
        while not self.should_stop:
            await self.sleep(LAG_SECONDS)
            try:
                await self._tell_lag()
            except Exception as error:  # noqa: BLE001 - a rebalance; a metric ends no role
                log.debug("lag unknown", role=self.role, error=repr(error)[:200])

    async def _tell_lag(self) -> None:
        names = {name: topic for topic, name in self.names.items()}
        for tp in self.consumer.assignment():
            position, end = await self.consumer.position(tp), self.consumer.highwater(tp)
            if position is not None and tp.topic in names:
                lag = LAG.labels(str(self.role), names[tp.topic], str(tp.partition))
                lag.set(max(0, end - position))

    names: dict[str, str]
    """The broker's name of each input by its name in the registry."""


def build_app(wired: "Wired", settings: KafkaSettings) -> RoleApp:
    """Return the app of a role: an agent an input, all feeding the role's one host."""
    role = wired.participant.role
    host = _host(wired, settings)
    app = RoleApp(
        settings.group(role),
        broker=faust_login.broker(settings),
        broker_credentials=faust_login.credentials(settings),
        stream_buffer_maxsize=REDUCER_BUFFER if role in topics.REDUCERS else WORKER_BUFFER,
        **SETTINGS,
    )
    app.role, app.host, app.companions = role, host, wired.companions
    inputs = topics.inputs(role)
    app.names = {topic.name: settings.topic(topic.name) for topic in inputs}
    registry = {name: topic for topic, name in app.names.items()}

    async def on_assigned(_: object, assigned: Collection[TP], **__: object) -> None:
        await host.assigned(_sources(assigned, registry))

    async def on_revoked(_: object, revoked: Collection[TP], **__: object) -> None:
        await host.revoked(_sources(revoked, registry))

    app.on_partitions_assigned.connect(on_assigned)  # type: ignore[arg-type]  # the signal hands more than its type says
    app.on_partitions_revoked.connect(on_revoked)  # type: ignore[arg-type]  # likewise
    for topic in inputs:
        _feed(app, topic.name, host)
    return app


def _host(wired: "Wired", settings: KafkaSettings) -> Host:
    participant: Any = wired.participant  # a reducer or a worker, as the registry has its role
    if participant.role in topics.REDUCERS:
        return ReducerHost(participant, settings)
    return WorkerHost(participant, settings)


def _feed(app: RoleApp, name: str, host: Host) -> None:
    """Make the agent that hands one input's records to the host."""
    # raw bytes: Faust's codecs would lose what they can't decode; acks off: the hosts commit
    source = app.topic(
        app.names[name], key_serializer="raw", value_serializer="raw", value_type=bytes, acks=False
    )

    async def feed(stream: faust.Stream[bytes]) -> None:
        async for event in stream.noack().events():
            await host.take(received(name, event))

    app.agent(source, name=f"{app.role}.{name}")(feed)  # type: ignore[arg-type]  # `StreamT` lacks `noack`


def received(name: str, event: EventT[bytes]) -> Received:
    """Return a Faust event as the record that it was."""
    message = event.message
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Received(
        source=Source(name, message.partition),
        offset=message.offset,
        record=Record(key=message.key, value=message.value, headers=tuple(pairs)),
        timestamp=int((message.timestamp or 0.0) * 1000),
    )


def _sources(places: Collection[TP], registry: dict[str, str]) -> set[Source]:
    return {Source(registry[tp.topic], tp.partition) for tp in places if tp.topic in registry}


def __getattr__(name: str) -> object:
    """Build `app` for `faust -A streams.app worker`: the role is the one of AOI_ROLE."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from streams import wiring  # noqa: PLC0415 - reads files, so only for who runs a role

    return wiring.app_of_environment()
