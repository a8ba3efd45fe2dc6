"""An executor that an operator can pause: orders wait, unacknowledged, until it is resumed.

Invariant: while a pause holds, no order begins; one that expires meanwhile is refused when it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.contracts.envelope import Event
from agents.reducer import Output
from agents.roles import Role
from agents.worker import Transient, Worker
from streams.controls import Controls


@dataclass(slots=True, kw_only=True)
class PausableWorker:
    """A worker behind the operators' pause."""

    worker: Worker
    controls: Controls
    role: Role = field(init=False)

    def __post_init__(self) -> None:
        self.role = self.worker.role

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer as the worker does; raises Transient while paused."""
        if (pause := self.controls.pause) is not None:
            raise Transient(f"{pause.operator} has paused the executor: {pause.reason}")
        return await self.worker.handle(event)
