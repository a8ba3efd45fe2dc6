"""What hosts of both kinds are to a Faust app: they take records and follow assignments.

Invariant: a host never lets an exception reach Faust, which would acknowledge the record; what must
stop the process goes through `stop`.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Protocol

from agents.roles import Role
from streams.codec import Received, Source

Stop = Callable[[Exception], Awaitable[None]]
Commit = Callable[[dict[Source, int]], Awaitable[bool]]


class Participant(Protocol):
    """A reducer or a worker; the registry knows which by its role."""

    @property
    def role(self) -> Role:
        """The role."""
        ...


class Host(Protocol):
    """One role in one process."""

    role: Role

    async def start(self, stop: Stop, commit: Commit) -> None:
        """Get ready. `stop` ends the process with an error, `commit` writes the group's offsets."""
        ...

    async def take(self, received: Received) -> None:
        """Accept a record, waiting while there is no room for it."""
        ...

    async def assigned(self, sources: Collection[Source]) -> None:
        """Own these partitions from now on, and no others."""
        ...

    async def revoked(self, sources: Collection[Source]) -> None:
        """Own these partitions no more; returns when nothing of them is touched any longer."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and everything is restored."""
        ...


def now() -> datetime:
    """Return the present moment: the clock of every host."""
    return datetime.now(UTC)
