"""The three handles of `environments/protocol.py` over one lab.

Invariant: a handle has the methods of its right and no others, and speaks through the border; the
lab behind it is shared, so what the writer does the reader sees.
"""

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.command import Command
from agents.environments.border import Border
from agents.environments.protocol import Output
from agents.environments.simulated.lab import Lab


class SimulatedRead:
    """The Probe's handle."""

    def __init__(self, lab: Lab) -> None:
        self._lab = Border(lab)

    async def read(self, command: Command) -> Output:
        """Run a read command."""
        return self._lab.read(command)


class SimulatedPreview:
    """The preview role's handle."""

    def __init__(self, lab: Lab) -> None:
        self._lab = Border(lab)

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action; raises `ActionRejected`."""
        return self._lab.preview(action)


class SimulatedWrite:
    """The Executor's handle."""

    def __init__(self, lab: Lab) -> None:
        self._lab = Border(lab)

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action; raises `ActionRejected`."""
        return self._lab.preview(action)

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        """Do the action once; raises `ObjectMoved`."""
        return self._lab.act(action, touched)

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return the same objects with their present `resourceVersion`."""
        return self._lab.versions(touched)

    async def verify(self, action: Action) -> tuple[bool, str]:
        """Return whether what the action touched is healthy now, and a sentence."""
        return self._lab.verify(action)
