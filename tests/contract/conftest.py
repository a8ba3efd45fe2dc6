"""One plausible instance of every public fact: what the schemas are held against."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.contracts import (
    action,
    alert,
    approval,
    audit,
    execution,
    feedback,
    guidance,
    incident,
    model,
    observation,
    plan,
    telemetry,
    trajectory,
)
from agents.contracts.ids import (
    ApprovalId,
    EventId,
    GuidanceId,
    IncidentId,
    ModelId,
    PlanId,
    SampleRef,
)
from agents.contracts.model_base import Fact

NOW = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
INCIDENT, PLAN, APPROVAL = IncidentId("i-1"), PlanId("p-1"), ApprovalId("a-1")
MODEL = ModelId("aoi-small@1")
SIGNATURE = "A" * 86 + "=="
HASH = "0123456789abcdef" * 4
WORKLOAD = action.Workload(kind="deployments", namespace="shop", name="cart")
SCALE = action.ScaleWorkload(workload=WORKLOAD, replicas=2)
TOUCHED = action.Touched(kind="deployments", namespace="shop", name="cart", resource_version="7")


def _snapshot(kind: type[incident.IncidentSnapshot]) -> incident.IncidentSnapshot:
    received = alert.AlertReceived(
        fingerprint="f",
        group="g",
        status=alert.AlertStatus.FIRING,
        labels={"namespace": "shop"},
        starts_at=NOW,
    )
    return kind(
        incident_id=INCIDENT,
        group="g",
        task=incident.Task.MITIGATION,
        status=incident.IncidentStatus.OPEN,
        namespace="shop",
        severity="critical",
        title="cart is down",
        alerts=(received,),
        opened_at=NOW,
        updated_at=NOW,
    )


def _decision() -> approval.ActionDecided:
    payload = approval.DecisionPayload(
        approval_id=APPROVAL,
        incident_id=INCIDENT,
        action_hash=HASH,
        verdict=approval.DecisionVerdict.APPROVE,
        approver="alice",
        not_before=NOW,
        expires=NOW + timedelta(minutes=15),
        cluster="lab",
        policy_version="1",
    )
    return approval.ActionDecided(payload=payload, signature=SIGNATURE)


def _plan() -> plan.PlanProposed:
    submission = plan.Submission(
        task=incident.Task.ANALYSIS,
        reason=plan.SubmitReason.ANSWERED,
        answer=plan.Analysis(system_level="Virtualization", fault_type="Misconfiguration"),
        requires=(EventId("e-1"),),
    )
    return plan.PlanProposed(
        incident_id=INCIDENT,
        plan_id=PLAN,
        iteration=3,
        kind=plan.PlanKind.SUBMIT,
        namespace="shop",
        confidence=80,
        model_id=MODEL,
        submission=submission,
    )


def _trajectory(kind: type[trajectory.TrajectoryRecord]) -> trajectory.TrajectoryRecord:
    step = trajectory.TrajectoryStep(
        iteration=1,
        plan_id=PLAN,
        kind=plan.PlanKind.ACTION,
        line="kubectl scale deployment cart --replicas=2",
        summary="two are enough",
        confidence=80,
        samples=(SampleRef("sha256:" + HASH),),
        result=execution.ActResult.DONE,
    )
    return kind(
        incident_id=INCIDENT,
        revision=0,
        task=incident.Task.MITIGATION,
        title="cart is down",
        namespace="shop",
        steps=(step,),
        submission=_plan().submission,
        model_id=MODEL,
        guidance_ids=(GuidanceId("g-1"),),
        outcome=trajectory.Outcome.FAILURE,
        source=trajectory.OutcomeSource.JUDGE,
        reason="",
        trainable=True,
        opened_at=NOW,
        closed_at=NOW,
    )


def _requested() -> approval.ApprovalRequested:
    return approval.ApprovalRequested(
        approval_id=APPROVAL,
        incident_id=INCIDENT,
        plan_id=PLAN,
        action=SCALE,
        action_hash=HASH,
        words="scale deployment cart in shop to 2",
        line="kubectl scale deployment cart -n shop --replicas=2",
        preview=action.Preview(diff="-3\n+2", touched=(TOUCHED,), rollback=SCALE, pods_affected=1),
        risk=approval.Risk.LOW,
        evidence="cart has too many pods",
        confidence=80,
        proposer="observer",
        severity="critical",
        cluster="lab",
        policy_version="1",
        requested_at=NOW,
        expires=NOW + timedelta(minutes=15),
    )


def _approved() -> approval.ActionApproved:
    return approval.ActionApproved(
        approval_id=APPROVAL,
        incident_id=INCIDENT,
        plan_id=PLAN,
        iteration=1,
        action=SCALE,
        action_hash=HASH,
        line="kubectl scale deployment cart -n shop --replicas=2",
        touched=(TOUCHED,),
        rollback=None,
        pods_affected=1,
        incident_namespace="shop",
        severity="critical",
        confidence=80,
        decisions=(_decision(),),
        cluster="lab",
        policy_version="1",
        expires=NOW,
    )


def _outsiders() -> list[Fact]:
    judged = feedback.JudgementPayload(
        incident_id=INCIDENT,
        plan_id=None,
        judgement=feedback.Judgement.SUCCESS,
        judge="lab",
        judged_at=NOW,
    )
    ordered = feedback.ControlPayload(
        kind=feedback.ControlKind.PAUSE_EXECUTOR, operator="bob", issued_at=NOW
    )
    return [
        _snapshot(incident.IncidentOpened).alerts[0],
        _decision(),
        feedback.OutcomeJudged(payload=judged, signature=SIGNATURE),
        feedback.ControlIssued(payload=ordered, signature=SIGNATURE),
    ]


def _acts() -> list[Fact]:
    refused = approval.ActionRefused(
        approval_id=APPROVAL,
        incident_id=INCIDENT,
        plan_id=PLAN,
        iteration=1,
        line="kubectl delete ns shop",
        refused_by=approval.RefusedBy.POLICY,
        reason="not_allowed",
        message="no",
    )
    executed = execution.ActionExecuted(
        approval_id=APPROVAL,
        incident_id=INCIDENT,
        plan_id=PLAN,
        iteration=1,
        action=SCALE,
        result=execution.ActResult.DONE,
        verification=execution.Verification(healthy=True, detail="2 of 2 ready"),
    )
    return [_requested(), _approved(), refused, executed]


def _records() -> list[Fact]:
    observed = observation.ObservationRecorded(
        incident_id=INCIDENT,
        plan_id=PLAN,
        iteration=1,
        kind=telemetry.TelemetryKind.READ,
        line="kubectl get pods",
        exit_code=0,
        text="NAME",
    )
    taught = guidance.GuidancePublished(
        guidance_id=GuidanceId("g-1"),
        signature="s",
        task=incident.Task.MITIGATION,
        symptoms=("x",),
        steps=("y",),
        proved=True,
        expires=NOW,
    )
    names = {"role": model.ModelRole.OBSERVER, "model_id": MODEL, "location": "f", "digest": HASH}
    recorded = audit.AuditRecorded(
        writer="gate",
        index=0,
        previous="0" * 64,
        kind=audit.AuditKind.ORDER_SIGNED,
        incident_id=INCIDENT,
        record={"a": [1, None, {"b": "c"}]},
        at=NOW,
        hash=HASH,
        signature=SIGNATURE,
    )
    head = audit.AuditHeadPublished(writer="gate", index=0, hash=HASH, at=NOW, signature=SIGNATURE)
    letter = audit.DeadLettered(
        source_topic="alerts",
        partition=0,
        offset=7,
        key=None,
        value="eA==",
        headers=(("ce_id", "MQ=="),),
        reason="not-json",
        message="expected JSON",
        role="intake",
    )
    return [
        observed,
        taught,
        model.ModelPromoted.model_validate({**names, "verdict": "better"}),
        model.ModelRolledBack.model_validate({**names, "withdrawn": "x", "reason": "worse"}),
        recorded,
        head,
        letter,
    ]


@pytest.fixture(scope="session")
def samples() -> dict[type[Fact], Fact]:
    """Give one instance of every public fact, by its class."""
    found: list[Fact] = [
        *_outsiders(),
        *(
            _snapshot(kind)
            for kind in (incident.IncidentOpened, incident.IncidentUpdated, incident.IncidentClosed)
        ),
        _plan(),
        *_acts(),
        *(
            _trajectory(kind)
            for kind in (trajectory.TrajectoryClosed, trajectory.TrajectoryAmended)
        ),
        *_records(),
    ]
    return {type(one): one for one in found}
