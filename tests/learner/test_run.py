"""What a learner without a checkpoint begins with, on a real broker."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.ids import ModelId
from agents.contracts.model import ModelPromoted, ModelRole
from learner.models import ModelRef, reference_of
from learner.promotion import as_event
from learner.run import serving
from streams.outbox import Outbox
from tests.conftest import Space

pytestmark = pytest.mark.kafka
BASE = ModelRef(model_id="base@1", location="/base", digest=f"sha256:{'0' * 64}")


async def test_it_goes_on_from_the_model_that_serves(space: Space, tiny: Path) -> None:
    kafka, promoted = space.login("learner"), reference_of(tiny)
    assert await serving(kafka, BASE) == BASE
    async with Outbox(kafka) as outbox:
        for turn, digest in enumerate((promoted.digest, BASE.digest)):
            fact = ModelPromoted(
                role=ModelRole.OBSERVER,
                model_id=ModelId(promoted.model_id),
                location=promoted.location,
                digest=digest,
                verdict="better",
            )
            await outbox.publish([as_event(fact, turn=turn, time=datetime.now(UTC))])
            # the second names weights that are not there
            assert await serving(kafka, BASE) == (BASE if turn else promoted)
