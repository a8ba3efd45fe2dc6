"""The three handles on a cluster, one an identity; a handle has no method of another's right.

Invariant: the Probe's object cannot write because the method does not exist.
"""

from dataclasses import dataclass
from typing import Protocol

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Text of one command: stdout and stderr as a terminal shows them.

    redactions: how often something was hidden in it; None where no border has looked at it yet.
    What leaves a handle has a number here (`border.py`).
    """

    text: str
    exit_code: int
    seconds: float = 0.0
    redactions: int | None = None


class EnvironmentUnavailable(Exception):
    """The environment did not answer; the call may be repeated if it was a read."""


class ReadHandle(Protocol):
    """The Probe's: reads and nothing else."""

    async def read(self, command: Command) -> Output:
        """Run a read command. Raises `EnvironmentUnavailable`."""
        ...


class PreviewHandle(Protocol):
    """The preview role's: server-side dry runs and nothing else."""

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action. Raises `ActionRejected`, `EnvironmentUnavailable`."""
        ...


class WriteHandle(Protocol):
    """The Executor's: acts, and the dry runs and reads that check and verify them."""

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action. Raises `ActionRejected`, `EnvironmentUnavailable`."""
        ...

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        """Do the action once, where given only while these objects have these versions.

        Raises `ObjectMoved` when they have others, and then nothing was done;
        `EnvironmentUnavailable` when it can't be known if it ran.
        """
        ...

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return the same objects with their present `resourceVersion`."""
        ...

    async def verify(self, action: Action) -> tuple[bool, str]:
        """Return whether what the action touched is healthy now, and a sentence."""
        ...


class ActionRejected(Exception):
    """The API server refused the action in a dry run; the message is its own."""


class ObjectMoved(ActionRejected):
    """An object of the action has another version than the one it was to be done on."""
