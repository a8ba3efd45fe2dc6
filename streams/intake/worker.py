"""The topic's face of intake: `AlertReceived` from anyone in, `AlertGrouped` by group out.

Invariant: nothing of the sender decides where its alert goes or when it counts: partition, key and
time come from here. What fails a check is `Poison` with the reason.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from agents.contracts.alert import AlertReceived
from agents.contracts.envelope import Event
from agents.reducer import Output
from agents.roles import Role
from streams.intake import native, reading
from streams.intake.bad import BadAlert, Reason
from streams.intake.gateway import wall_clock
from streams.intake.settings import IntakeSettings


class IntakeWorker:
    """Validates and re-keys; the wall clock judges only whether a sender's time lies ahead."""

    role = Role.INTAKE

    def __init__(
        self,
        settings: IntakeSettings | None = None,
        *,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._settings = settings or IntakeSettings()
        self._clock = clock

    async def handle(self, event: Event) -> Sequence[Output]:
        """Return the grouped alert; raises `BadAlert`."""
        if not isinstance(event.fact, AlertReceived):
            return ()
        now = self._clock()
        if event.time > now + self._settings.skew:
            raise BadAlert(
                Reason.FUTURE_TIME, f"expected ce_time not after now, got {event.time.isoformat()}"
            )
        alert = native.marked(event.fact, native.FORMAT)
        grouped = reading.group(alert, now=now, settings=self._settings)
        return (Output(id=reading.identity(grouped), key=grouped.group, fact=grouped),)
