"""The operators' standing orders: which pause holds, and since when the last resume counts.

Invariant: a pause fails safe. If a key that the keyring gives its operator for controls has signed
it, valid or ended or revoked by now, it holds until its own end or a later resume. A resume counts
only for this cluster, by a key that was valid when the broker took it and is not revoked. What
comes while the keyring can't be read is judged when it can, and a pause holds until then; resumes
and what was refused are judged again when the keyring is another one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from agents.approval.keyring import KeyEntry, Keyring, KeyringInvalid
from agents.approval.verify import OrderRejected, check_pause, check_resume
from agents.contracts.envelope import Event
from agents.contracts.feedback import ControlIssued, ControlKind, ControlPayload

REFUSED_KEPT = 1000

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Controls:
    """The orders of `controls`, each judged by the keyring. `clock` gives aware times."""

    keyring: Keyring
    clock: Callable[[], datetime]
    cluster: str
    _pauses: set[ControlPayload] = field(default_factory=set)
    _resumes: dict[ControlPayload, Event] = field(default_factory=dict)
    _keys: tuple[KeyEntry, ...] = ()
    _waiting: list[Event] = field(default_factory=list)
    _refused: deque[Event] = field(default_factory=lambda: deque(maxlen=REFUSED_KEPT))

    def on_event(self, event: Event) -> None:
        """Take an order, or skip it with the reason. Its event's time is the broker's."""
        if isinstance(event.fact, ControlIssued):
            self._waiting.append(event)
            self._judge()

    @property
    def pause(self) -> ControlPayload | None:
        """The newest pause that holds now: who ordered it, when and why; None while none does."""
        resumed, now = self.resumed_at, self.clock()
        # one that waits for the keyring holds as well: an order could begin as it is mended
        waiting = (
            event.fact.payload
            for event in self._waiting
            if isinstance(event.fact, ControlIssued)
            and event.fact.payload.kind is ControlKind.PAUSE_EXECUTOR
        )
        holding = (
            one
            for one in (*self._pauses, *waiting)
            if (one.expires is None or now < one.expires)
            and (resumed is None or resumed < one.issued_at)
        )
        return max(holding, key=lambda one: one.issued_at, default=None)

    @property
    def resumed_at(self) -> datetime | None:
        """When an operator last resumed the executor; that closes its circuit breaker, too."""
        self._judge()
        return max((payload.issued_at for payload in self._resumes), default=None)

    @property
    def paused(self) -> bool:
        """Whether a pause holds."""
        return self.pause is not None

    def _judge(self) -> None:
        """Judge what waits; where the keyring is another one, resumes and refused ones anew."""
        try:
            self.keyring.reload_if_changed()
        except KeyringInvalid as error:  # nothing is done meanwhile: the Executor waits as well
            log.debug("controls wait", number=len(self._waiting), reason=str(error))
            return
        if self.keyring.keys != self._keys:
            self._keys = self.keyring.keys
            self._waiting[:0] = [*self._resumes.values(), *self._refused]
            self._resumes.clear()
            self._refused.clear()
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._take(event)

    def _take(self, event: Event) -> None:
        control = event.fact
        assert isinstance(control, ControlIssued)  # noqa: S101 - `on_event` asks
        payload, now = control.payload, self.clock()
        try:
            if payload.kind is ControlKind.PAUSE_EXECUTOR:
                check_pause(control, keyring=self.keyring, now=now)
                self._pauses.add(payload)
            else:
                check_resume(
                    control, keyring=self.keyring, now=now, cluster=self.cluster, came=event.time
                )
                self._resumes.setdefault(payload, event)  # one that is sent again came before
        # a time beyond the calendar has no canonical form: nobody signed it
        except (OrderRejected, ValueError, OverflowError) as error:
            log.warning("control skipped", event_id=event.id, reason=str(error))
            self._refused.append(event)
