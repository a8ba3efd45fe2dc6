"""The risk that approvers are told: high for what takes away, low only for what is small."""

import pytest

from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    LabelResource,
    Preview,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    UndoRollout,
    Workload,
)
from agents.contracts.approval import Risk
from agents.policy.risk import FEW_PODS, MANY_PODS, risk_of

GEO = Workload(kind="deployments", namespace="shop", name="geo")
RESTART = RestartRollout(workload=GEO)


def seen(pods: int = 1, rollback: Action | None = None) -> Preview:
    return Preview(diff="", touched=(), rollback=rollback, pods_affected=pods)


def applied(mode: str, namespace: str | None) -> Action:
    return ApplyManifest.model_validate(
        {
            "mode": mode,
            "kind": "configmaps",
            "namespace": namespace,
            "name": "x",
            "manifest": "{}",
        }
    )


def repair(operation: str) -> Action:
    return RunMongoRepair.model_validate(
        {
            "namespace": "shop",
            "pod": "db-0",
            "operation": operation,
            "database": "d",
            "user": "u",
            "roles": (),
        }
    )


LABEL = LabelResource(field="labels", kind="pods", namespace="shop", name="x", pairs=(("a", "b"),))


@pytest.mark.parametrize(
    ("action", "risk"),
    [
        (CordonNode(name="n", unschedulable=True), Risk.HIGH),
        (CordonNode(name="n", unschedulable=False), Risk.MEDIUM),
        (ScaleWorkload(workload=GEO, replicas=0), Risk.HIGH),
        (ScaleWorkload(workload=GEO, replicas=1), Risk.MEDIUM),
        (DeletePod(namespace="shop", name="x", force=True), Risk.HIGH),
        (applied("create", "shop"), Risk.HIGH),
        (applied("apply", None), Risk.HIGH),
        (applied("apply", "shop"), Risk.MEDIUM),
        (repair("drop_user"), Risk.HIGH),
        (repair("create_user"), Risk.MEDIUM),
        (LABEL, Risk.LOW),
        (RESTART, Risk.LOW),
        (UndoRollout(workload=GEO), Risk.MEDIUM),
    ],
)
def test_what_takes_away_or_is_new_is_high(action: Action, risk: Risk) -> None:
    assert risk_of(action, seen()) is risk


@pytest.mark.parametrize(
    ("pods", "risk"),
    [
        (FEW_PODS, Risk.LOW),
        (FEW_PODS + 1, Risk.MEDIUM),
        (MANY_PODS, Risk.MEDIUM),
        (MANY_PODS + 1, Risk.HIGH),
    ],
)
def test_the_number_of_pods_raises_it(pods: int, risk: Risk) -> None:
    assert risk_of(RESTART, seen(pods)) is risk
    for undoable in (UndoRollout(workload=GEO), ScaleWorkload(workload=GEO, replicas=1)):
        assert risk_of(undoable, seen(pods, RESTART)) is risk
