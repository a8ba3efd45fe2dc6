"""Builders of facts and events for tests: each takes what the test is about and fills the rest."""

from datetime import UTC, datetime, timedelta

from agents.contracts.alert import AlertGrouped, AlertReceived, AlertStatus
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, ModelId, PlanId, SampleRef, derive
from agents.contracts.incident import IncidentOpened, IncidentStatus, Task
from agents.contracts.model import ModelReplied, ModelRequested, ModelRole, Usage
from agents.contracts.model_base import Fact
from agents.contracts.observation import ObservationRecorded
from agents.contracts.plan import PlanProposed
from agents.contracts.telemetry import TelemetryKind

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
INCIDENT = IncidentId("incident-1")
NAMESPACE = "hotel-0a1b2"
MODEL = ModelId("tiny")


def at(seconds: float) -> datetime:
    """Return the moment that many seconds after T0."""
    return T0 + timedelta(seconds=seconds)


def event(fact: Fact, *, seconds: float = 0, key: str = INCIDENT, part: str = "") -> Event:
    """Return an event around a fact; equal facts and parts have equal ids."""
    return Event(
        id=EventId(derive(fact.TYPE, fact.model_dump_json(), part)),
        source="test",
        time=at(seconds),
        key=key,
        fact=fact,
    )


def alert(
    *,
    fingerprint: str = "f1",
    status: AlertStatus = AlertStatus.FIRING,
    starts: float = 0,
    task: Task | None = None,
    **labels: str,
) -> AlertReceived:
    """Return a normalised alert of the test namespace."""
    named = {"alertname": "HighErrorRate", "namespace": NAMESPACE, "severity": "critical"}
    if task is not None:
        named["aoi_task"] = task
    return AlertReceived(
        fingerprint=fingerprint,
        group="group-1",
        status=status,
        labels={**named, **labels},
        annotations={"summary": "frontend fails", "description": "12% of requests fail"},
        starts_at=at(starts),
    )


def grouped(received: AlertReceived) -> AlertGrouped:
    """Return the alert as intake hands it on."""
    return AlertGrouped(group=received.group, alert=received)


def opened(task: Task = Task.MITIGATION) -> IncidentOpened:
    """Return the opening of the test incident."""
    return IncidentOpened(
        incident_id=INCIDENT,
        group="group-1",
        task=task,
        status=IncidentStatus.OPEN,
        namespace=NAMESPACE,
        severity="critical",
        title="frontend fails",
        alerts=(alert(),),
        opened_at=T0,
        updated_at=T0,
    )


def replied(request: ModelRequested, text: str | None, *, error: str | None = None) -> ModelReplied:
    """Return a model's reply to a request."""
    return ModelReplied(
        incident_id=request.incident_id,
        request_id=request.request_id,
        role=ModelRole.OBSERVER,
        iteration=request.iteration,
        attempt=request.attempt,
        model_id=request.model_id,
        text=text,
        error=error,
        usage=Usage(prompt_tokens=10, completion_tokens=5),
        sample=SampleRef("sample") if text is not None else None,
    )


def observed(plan: PlanProposed, text: str = "all is well") -> ObservationRecorded:
    """Return the observation of a plan's step."""
    return ObservationRecorded(
        incident_id=plan.incident_id,
        plan_id=PlanId(plan.plan_id),
        iteration=plan.iteration,
        kind=TelemetryKind.READ,
        line=plan.line or "",
        exit_code=0,
        text=text,
    )
