"""`aoi learn reset`: from the topics' beginnings again, when they are not what was read before."""

from datetime import UTC, datetime

import typer

from agents.contracts.ids import ModelId
from agents.contracts.model import ModelPromoted, ModelRole
from deploy.embedded.settings import EmbeddedSettings
from learner.checkpoint import Checkpoints
from learner.evaluation.paired import Verdict
from learner.manifest import Manifest, Owed
from learner.promotion import as_event


def reset() -> None:
    """Write a checkpoint that reads the topics from their beginnings, as they may be new ones.

    What is known stays known. What serves is owed to the topic again, and guidance may be published
    again. Raises WriterBusy while a learner runs, Damaged.
    """
    folder = EmbeddedSettings().state_dir.resolve() / "learner" / "checkpoints"
    with Checkpoints(folder) as checkpoints:
        found = checkpoints.latest()
        if found is None:
            typer.echo("no checkpoint yet: a learner reads the topics from their beginnings anyway")
            return
        before = found[1]
        fresh = {
            "number": before.number + 1,
            "epoch": checkpoints.epoch,
            "written_at": datetime.now(UTC),
            "offsets": {},
            "topic_id": None,
            "watch_offsets": {},
            "watch_topic_id": None,
            "guides": {},
            "outbox": _announced(before),
        }
        checkpoints.save(before.model_copy(update=fresh))
    typer.echo(
        f"the learner goes on from the beginnings of its topics; the {len(before.ingested)} "
        "failures that it knows and its models stay, what it promoted is announced again"
    )


def _announced(state: Manifest) -> tuple[Owed, ...]:
    """Return what is owed still, and the promotion of what serves, if it was promoted."""
    if state.promoted_at is None:
        return state.outbox
    fact = ModelPromoted(
        role=ModelRole.OBSERVER,
        model_id=ModelId(state.current.model_id),
        location=state.current.location,
        digest=state.current.digest,
        verdict=str(Verdict.BETTER),
    )
    event = as_event(fact, turn=state.number + 1, time=datetime.now(UTC))
    return (*state.outbox, Owed.of(event))
