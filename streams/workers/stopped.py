"""Tells why an executor does nothing: an operator's pause, or its circuit breaker.

Invariant: what `/ready` and the metrics say is read from the controls and the ledger when asked;
neither makes the role unready, since a restart would mend nothing.
"""

from dataclasses import dataclass

from agents.executor.step import ExecutorWorker
from streams.controls import Controls
from streams.metrics import STOPPED


@dataclass(slots=True, kw_only=True)
class StopsTold:
    """The companion that tells; it has nothing to start."""

    worker: ExecutorWorker
    controls: Controls

    async def start(self) -> None:
        """Let the metrics ask here."""
        role = str(self.worker.role)
        STOPPED.labels(role=role, by="operator").set_function(lambda: float(self.controls.paused))
        STOPPED.labels(role=role, by="circuit").set_function(
            lambda: float(self.worker.circuit_opened_at is not None)
        )

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def note(self) -> str | None:
        """What keeps the executor from acting; None while nothing does."""
        if (pause := self.controls.pause) is not None:
            return f"paused by {pause.operator} at {pause.issued_at.isoformat()}: {pause.reason}"
        if (opened := self.worker.circuit_opened_at) is not None:
            return f"circuit open since {opened.isoformat()}, until `aoi executor resume`"
        return None
