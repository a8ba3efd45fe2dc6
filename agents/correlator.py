"""The correlator: alerts of a group become one open incident, and late alerts join it.

    (no incident) --firing--> open --firing or resolved--> open (updated) --released--> (closed)

Invariant: a group has at most one open incident. An alert is counted once per fingerprint, start
and status. While a group stays quiet for a while after its release, only a new start opens again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from agents.contracts.alert import (
    TASK_LABEL,
    AlertGrouped,
    AlertReceived,
    AlertStatus,
    GroupReleased,
)
from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.contracts.ids import IncidentId, derive, event_id
from agents.contracts.incident import (
    IncidentClosed,
    IncidentOpened,
    IncidentSnapshot,
    IncidentStatus,
    IncidentUpdated,
    Task,
)
from agents.reducer import Output, ReducerState, Step
from agents.roles import Role

FORGET = "forget"
MARKER_KEPT = timedelta(days=7)
# an incident's snapshot stays under a record's megabyte: intake admits at most 32 KiB an alert
MAX_ALERTS = 20
MAX_FIRING = 2000


class CorrelatorState(ReducerState):
    """One group.

    seen: fingerprint, start and status of the alerts already counted. firing: when each alert that
    still fires came; an incident's snapshot shows the newest alerts only, this knows them all.
    """

    incident: IncidentSnapshot | None = None
    seen: tuple[str, ...] = ()
    firing: dict[str, datetime] = Field(default_factory=dict)
    opened: int = 0


@dataclass(frozen=True, slots=True)
class CorrelatorReducer:
    """The reducer of role `correlator`."""

    role: Role = Role.CORRELATOR
    state_type: type[CorrelatorState] = CorrelatorState

    def key_of(self, event: Event) -> str | None:
        """Return the group of the events that this role reads."""
        match event.fact:
            case TimerFired():
                return event.key
            case AlertGrouped() | GroupReleased():
                return event.fact.group
        return None

    def initial(self, key: str) -> CorrelatorState:
        """Return a group that was never seen."""
        return CorrelatorState(key=key)

    def advance(self, state: CorrelatorState, event: Event) -> Step[CorrelatorState]:
        """Apply one event."""
        match event.fact:
            case AlertGrouped(alert=alert):
                mark = _mark(alert)
                if mark in state.seen:
                    return Step(state)
                return self._alerted(_remembered(state, mark), alert, event.time)
            case GroupReleased() as released:
                return self._released(state, released, event.time)
            case TimerFired() if state.incident is None:
                return Step(None)
        return Step(state)

    def _alerted(
        self, state: CorrelatorState, alert: AlertReceived, now: datetime
    ) -> Step[CorrelatorState]:
        state = _counted(state, alert, now)
        if state.incident is not None:
            return _updated(state, state.incident, alert, now)
        if alert.status is AlertStatus.RESOLVED:
            return Step(state.with_timer(FORGET, now + MARKER_KEPT))
        return _opened(state, (alert,), now)

    def _released(
        self, state: CorrelatorState, released: GroupReleased, now: datetime
    ) -> Step[CorrelatorState]:
        incident = state.incident
        if incident is None or incident.incident_id != released.incident_id:
            return Step(state)
        closed = IncidentClosed.model_validate(
            incident.model_dump()
            | {
                "status": IncidentStatus.CLOSED,
                "updated_at": now,
                "outcome": released.outcome,
                "reason": released.reason,
            }
        )
        output = _output(closed, "closed")
        quiet = state.model_copy(update={"incident": None})
        late = _fired_after(state, incident, released.submitted_at)
        if not late:
            kept = quiet.model_copy(update={"firing": {}})
            return Step(kept.with_timer(FORGET, now + MARKER_KEPT), (output,))
        next_one = _opened(quiet, late, now)
        return Step(next_one.state, (output, *next_one.outputs))


def _fired_after(
    state: CorrelatorState, incident: IncidentSnapshot, submitted_at: datetime | None
) -> tuple[AlertReceived, ...]:
    """Return the alerts that fire still and that the submission can't have known of."""
    if submitted_at is None:
        return ()
    return tuple(
        alert
        for alert in incident.alerts
        if alert.status is AlertStatus.FIRING
        and state.firing.get(alert.fingerprint, submitted_at) > submitted_at
    )


def _opened(
    state: CorrelatorState, alerts: tuple[AlertReceived, ...], now: datetime
) -> Step[CorrelatorState]:
    number, first = state.opened + 1, alerts[0]
    incident_id = IncidentId(derive("incident", state.key, number, _mark(first)))
    snapshot = IncidentOpened(
        incident_id=incident_id,
        group=state.key,
        task=_task(first),
        status=IncidentStatus.OPEN,
        namespace=first.labels.get("namespace"),
        severity=first.labels.get("severity", "unknown"),
        title=first.annotations.get("summary") or first.labels.get("alertname", "alert"),
        alerts=alerts,
        opened_at=now,
        updated_at=now,
    )
    opened = state.model_copy(update={"incident": _plain(snapshot), "opened": number})
    return Step(opened.without_timer(FORGET), (_output(snapshot, "1"),))


def _counted(state: CorrelatorState, alert: AlertReceived, now: datetime) -> CorrelatorState:
    """Note that an alert fires, or no longer does."""
    others = {known: when for known, when in state.firing.items() if known != alert.fingerprint}
    if alert.status is AlertStatus.FIRING and len(others) < MAX_FIRING:
        others[alert.fingerprint] = now
    return state.model_copy(update={"firing": others})


def _updated(
    state: CorrelatorState, incident: IncidentSnapshot, alert: AlertReceived, now: datetime
) -> Step[CorrelatorState]:
    others = tuple(a for a in incident.alerts if a.fingerprint != alert.fingerprint)
    updated = IncidentUpdated.model_validate(
        incident.model_dump()
        | {
            "alerts": (*others, alert)[-MAX_ALERTS:],
            "updated_at": now,
            "resolved_upstream": not state.firing,
        }
    )
    kept = state.model_copy(update={"incident": _plain(updated)})
    return Step(kept, (_output(updated, _mark(alert)),))


def _plain(snapshot: IncidentSnapshot) -> IncidentSnapshot:
    """Return what a state holds: the snapshot without what just happened."""
    return IncidentSnapshot.model_validate(dict(snapshot))


def _output(snapshot: IncidentSnapshot, part: str) -> Output:
    incident = snapshot.incident_id
    kind = type(snapshot).__name__
    return Output(id=event_id(incident, kind, part), key=incident, fact=snapshot, incident=incident)


def _mark(alert: AlertReceived) -> str:
    return f"{alert.fingerprint} {alert.starts_at.isoformat()} {alert.status}"


def _remembered(state: CorrelatorState, mark: str) -> CorrelatorState:
    return state.model_copy(update={"seen": (*state.seen, mark)[-10 * MAX_ALERTS :]})


def _task(alert: AlertReceived) -> Task:
    label = alert.labels.get(TASK_LABEL, "")
    return Task(label) if label in set(Task) else Task.MITIGATION
