"""One dry run: what an action would change, and what would undo it.

Invariant: the handle can do nothing but dry runs; diff and rollback leave without
secrets: a rollback that holds one is withheld.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agents.contracts.action import Action, LabelResource, SetEnv
from agents.contracts.approval import PreviewCompleted, PreviewRequested
from agents.contracts.envelope import Event
from agents.contracts.ids import event_id
from agents.environments.protocol import ActionRejected, EnvironmentUnavailable, PreviewHandle
from agents.policy.redact import redact
from agents.reducer import Output
from agents.roles import Role
from agents.worker import Transient


@dataclass(slots=True, kw_only=True)
class PreviewWorker:
    """The worker of role `preview`."""

    cluster: PreviewHandle
    role: Role = field(default=Role.PREVIEW, init=False)

    async def preview(self, asked: PreviewRequested) -> PreviewCompleted:
        """Return the dry run's result, or the API server's words when it refuses."""
        same = {
            "incident_id": asked.incident_id,
            "plan_id": asked.plan_id,
            "approval_id": asked.approval_id,
        }
        try:
            shown = await self.cluster.preview(asked.action)
        except ActionRejected as error:
            return PreviewCompleted.model_validate({**same, "error": redact(str(error)).text})
        except EnvironmentUnavailable as error:
            raise Transient(f"dry run of {asked.action.type}: {error}") from error
        clean = shown.model_copy(
            update={"diff": redact(shown.diff).text, "rollback": publishable(shown.rollback)}
        )
        return PreviewCompleted.model_validate({**same, "preview": clean})

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer a request with `PreviewCompleted`."""
        asked = event.fact
        if not isinstance(asked, PreviewRequested):
            return ()
        return (preview_output(await self.preview(asked)),)


def publishable(rollback: Action | None) -> Action | None:
    """Return the rollback, or None when it holds what must not be published: it can't be undone."""
    if rollback is None or any(redact(text).count for text in _texts(rollback)):
        return None
    return rollback


def _texts(action: Action) -> Iterator[str]:
    """Yield an act as it is signed, and its pairs as lines: JSON parts a name from its value."""
    yield action.model_dump_json()
    if isinstance(action, SetEnv | LabelResource):
        pairs = action.variables if isinstance(action, SetEnv) else action.pairs
        yield "\n".join(f"{name}={value or ''}" for name, value in pairs)


def preview_output(fact: PreviewCompleted) -> Output:
    """Return the output of a dry run; its id derives from the approval's id alone."""
    return Output(
        id=event_id(fact.incident_id, "PreviewCompleted", fact.approval_id),
        key=fact.incident_id,
        fact=fact,
        incident=fact.incident_id,
    )
