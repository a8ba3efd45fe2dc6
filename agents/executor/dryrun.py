"""The Executor's own dry runs: the one that it decides on, and the one that it acts on.

Invariant: a controller that reports a status between the two changes nothing; a person, or whatever
else writes to the objects, stops the act.
"""

from agents.contracts.action import Action, Preview
from agents.environments.protocol import WriteHandle
from agents.preview.step import publishable


async def dry_run(cluster: WriteHandle, action: Action) -> Preview:
    """Return what the act would do now, with the rollback as an order can carry it.

    Raises `ActionRejected`, `EnvironmentUnavailable`.
    """
    shown = await cluster.preview(action)
    return shown.model_copy(update={"rollback": publishable(shown.rollback)})


def still_so(decided: Preview, now: Preview) -> bool:
    """Return whether the act that was decided on is the one that would be done now."""
    same_objects = now.touched == decided.touched or (
        now.state is not None and now.state == decided.state
    )
    same_members = set(now.changed or ()) <= set(decided.changed or ())
    return same_objects and same_members and now.rollback == decided.rollback
