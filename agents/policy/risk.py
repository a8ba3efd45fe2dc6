"""How much an action can break, as approvers are told it; it decides nothing.

Invariant: what is not known to be small is not called low.
"""

from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    LabelResource,
    Preview,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    UndoRollout,
)
from agents.contracts.approval import Risk

FEW_PODS = 3
MANY_PODS = 10


def risk_of(action: Action, preview: Preview | None) -> Risk:
    """Return the risk of an action; without a preview it is never low."""
    if _is_heavy(action):
        return Risk.HIGH
    if preview is None:
        return Risk.MEDIUM
    if preview.pods_affected > MANY_PODS:
        return Risk.HIGH
    undone = preview.rollback is not None
    harmless = isinstance(action, RestartRollout | DeletePod | LabelResource) or (
        undone and isinstance(action, UndoRollout | ScaleWorkload)
    )
    if harmless and preview.pods_affected <= FEW_PODS:
        return Risk.LOW
    return Risk.MEDIUM


def _is_heavy(action: Action) -> bool:
    """Whether the action takes something away, or runs what nobody has run here before."""
    match action:
        case DeleteResource() | CordonNode(unschedulable=True):
            return True
        case ScaleWorkload():
            return action.replicas == 0
        case DeletePod():
            return action.force
        case ApplyManifest():
            return action.mode == "create" or action.namespace is None
        case RunMongoRepair():
            return action.operation == "drop_user"
        case _:
            return False
