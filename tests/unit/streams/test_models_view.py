"""What serving learns of promotions: where weights lie, of any role; nothing of malformed ones."""

from datetime import UTC, datetime

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, ModelId
from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.models.index import Place
from streams.broadcast import models_view, not_loadable

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DIGEST = f"sha256:{'a' * 64}"


def event(fact: ModelPromoted | ModelRolledBack) -> Event:
    return Event(id=EventId("e"), source="aoi/learner", time=NOW, key=str(fact.role), fact=fact)


def promotion(digest: str) -> Event:
    return event(
        ModelPromoted(
            role=ModelRole.EVOLVER,
            model_id=ModelId("m"),
            location="/m",
            digest=digest,
            verdict="better",
        )
    )


def test_promotions_and_returns_are_handed_on_and_malformed_ones_are_not() -> None:
    offered: list[tuple[ModelId, Place]] = []
    view = models_view(lambda model_id, place: offered.append((model_id, place)))
    view(promotion("md5:1"))
    view(promotion(DIGEST))
    back = ModelRolledBack(
        role=ModelRole.OBSERVER,
        model_id=ModelId("old"),
        location="/old",
        digest=DIGEST,
        withdrawn=ModelId("m"),
        reason="worse",
    )
    view(event(back))
    assert offered == [
        ("m", Place(location="/m", digest=DIGEST)),
        ("old", Place(location="/old", digest=DIGEST)),
    ]
    models_view(not_loadable)(event(back))  # an endpoint goes on serving what it serves
