"""What a worker is: it holds no state, may wait, and answers one event with outputs.

Invariant: the ids of a worker's outputs derive from the event's, so a redelivery repeats them.
An exception says what to do: `Transient` again, `Poison` dead letter, `Fatal` stops the role. Any
other is a dead letter `defect`: of a worker after three tries, of a reducer at once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from agents.contracts.envelope import Event
from agents.reducer import Output
from agents.roles import Role


class AoiError(Exception):
    """The root of what AOI raises on purpose.

    AoiError
    ├── Transient            the world is not ready: the same event again, later
    ├── Poison               this record will never do: dead letter with `code`
    └── Fatal                this process must stop with nothing acknowledged
    """


class Transient(AoiError):
    """Something outside did not answer; repeating may help."""


class Poison(AoiError):
    """The record itself is wrong; repeating can't help."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the reason code beside the message."""
        super().__init__(message)
        self.code = code


class Fatal(AoiError):
    """Going on would lose or falsify something."""


class Worker(Protocol):
    """A role without state."""

    @property
    def role(self) -> Role:
        """The role that it plays."""
        ...

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer one event; an empty answer means that the event was not for this role.

        Raises `Transient`, `Poison` or `Fatal`.
        """
        ...


def answered(role: Role, cause: Event, outputs: Sequence[Output], now: datetime) -> list[Event]:
    """Return a worker's outputs as events caused by `cause`, timed by the worker's clock."""
    return [
        Event(
            id=output.id,
            source=f"aoi/{role}",
            time=now,
            key=output.key,
            fact=output.fact,
            incident=output.incident,
            cause=cause.id,
            traceparent=cause.traceparent,
        )
        for output in outputs
    ]
