"""What becomes of an exception in a role: again, dead letter, or stop. No exception leaves a role.

    Transient, a broker or environment that is away     AGAIN        in place, with backoff
    Poison, and any other Exception (code `defect`)     DEAD_LETTER  then the next record
    Fatal, MemoryError                                  STOP         nothing committed

Invariant: a record is acknowledged only after its outputs, or its dead letter, were acknowledged by
the broker. A defect is dead-lettered because stopping would only meet it again and keep every other
incident waiting; a worker tries it `DEFECT_TRIES` times first, since it may come from outside.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from agents.contracts.envelope import Event
from agents.environments.protocol import EnvironmentUnavailable
from agents.models.protocol import ModelUnavailable
from agents.roles import Role
from agents.worker import Fatal, Poison, Transient
from streams.codec import Received, decode
from streams.deadletter import dead_letter
from streams.metrics import DEADLETTERS
from streams.topics import BY_NAME
from streams.wire import Outgoing, outgoing

DEFECT_TRIES = 3
LONGEST_PAUSE_S = 15.0
AWAY = (
    Transient,
    EnvironmentUnavailable,
    ModelUnavailable,
    KafkaError,
    ConnectionError,
    TimeoutError,
)
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

log = structlog.get_logger(__name__)

Handler = Callable[[Event], Awaitable[Sequence[Outgoing]]]


class Answer(StrEnum):
    """What to do about an exception."""

    AGAIN = "again"
    DEAD_LETTER = "dead_letter"
    STOP = "stop"


def classify(error: BaseException) -> Answer:
    """Return what to do about an exception that a role raised."""
    match error:
        case Poison():
            return Answer.DEAD_LETTER
        case Fatal() | MemoryError():
            return Answer.STOP
        case OSError() if error.errno in DISK_FULL:
            return Answer.STOP
        case _ if isinstance(error, AWAY):
            return Answer.AGAIN
    return Answer.DEAD_LETTER if isinstance(error, Exception) else Answer.STOP


def as_poison(error: Exception) -> Poison:
    """Return the poison that a dead letter tells of; what is no Poison is a `defect`."""
    if isinstance(error, Poison):
        return error
    return Poison("defect", f"{type(error).__name__}: {error}")


def given_up(
    role: Role, received: Received, error: Exception, now: datetime
) -> tuple[Outgoing, ...]:
    """Return the dead letter of a record that can't be handled. Raises Fatal where it must stop."""
    if classify(error) is Answer.STOP:
        if isinstance(error, Fatal):
            raise error
        raise Fatal(f"{role}: {error!r}") from error
    poison = as_poison(error)
    DEADLETTERS.labels(role=str(role), reason=poison.code).inc()
    log.warning(
        "dead letter",
        role=role,
        reason=poison.code,
        topic=received.source.topic,
        partition=received.source.partition,
        offset=received.offset,
        error=str(poison)[:500],
        exc_info=error if poison.code == "defect" else None,
    )
    return outgoing(dead_letter(role, received, poison, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The one way into a worker: a record in, records out, and no exception but Fatal.

    `longest_pause` bounds a wait between tries, in seconds.
    """

    role: Role
    clock: Callable[[], datetime]
    longest_pause: float = LONGEST_PAUSE_S

    async def answer(self, received: Received, handler: Handler) -> Sequence[Outgoing]:
        """Return what a worker answers to a record, or the record's dead letter.

        A record whose handler says Transient is tried until it is done or this task is cancelled,
        unacknowledged all the while. Raises Fatal.
        """
        try:
            event = decode(received, BY_NAME[received.source.topic].facts)
            return await self._tried(event, handler)
        except Exception as error:  # noqa: BLE001 - the guard is where exceptions end
            return given_up(self.role, received, error, self.clock())

    async def _tried(self, event: Event, handler: Handler) -> Sequence[Outgoing]:
        defects = 0

        def worth_another(error: BaseException) -> bool:
            nonlocal defects
            if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
                return False
            answer = classify(error)
            if answer is Answer.DEAD_LETTER and not isinstance(error, Poison):
                defects += 1
                return defects < DEFECT_TRIES
            return answer is Answer.AGAIN

        retrying = AsyncRetrying(
            retry=retry_if_exception(worth_another),
            wait=wait_random_exponential(multiplier=0.1, max=self.longest_pause),
            before_sleep=self._told(event),
            reraise=True,
        )
        return await retrying(handler, event)

    def _told(self, event: Event) -> Callable[[RetryCallState], None]:
        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            log.warning(
                "trying again",
                role=self.role,
                event_id=event.id,
                incident=event.incident,
                tries=state.attempt_number,
                error=repr(error)[:500],
            )

        return tell
