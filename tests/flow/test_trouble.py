"""What the user sees when something around AOI is away or talks nonsense; nothing is lost."""

import asyncio

import pytest

from agents.contracts.model import ModelReplied
from agents.contracts.plan import PlanProposed, SubmitReason
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from streams.topics import MODEL_REPLIES, PLANS, TRAJECTORIES_FAILED
from tests.flow.invariants import nothing_is_missing_or_done_twice
from tests.flow.stacks import ONLY_SCALED, Seen, broker_of, pipeline, until_closed

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]
NOBODY_LISTENS = "http://127.0.0.1:9/v1"


async def test_a_broker_that_is_away_for_20_seconds_costs_time_and_nothing_else() -> None:
    storm = {**ONLY_SCALED, "AOI_LAB__SPACING_SECONDS": "2"}
    async with pipeline(incidents=6, lab=storm) as (stack, seen):
        async with asyncio.timeout(60):
            while not seen.of(PLANS):
                await asyncio.sleep(0.05)
        await asyncio.to_thread(broker_of(stack).stop)
        await asyncio.sleep(20)
        await asyncio.to_thread(broker_of(stack).start)
        await until_closed(stack, seen, incidents=6, seconds=150)
        await asyncio.sleep(1)
        nothing_is_missing_or_done_twice(seen)


async def test_replies_that_are_no_json_end_in_a_failed_trajectory() -> None:
    async with pipeline(
        incidents=2,
        reply=lambda _: "Let me think about the pods first.",
        zones={"AOI_OBSERVER__MAX_STEPS": "3"},
    ) as (stack, seen):
        await until_closed(stack, seen, incidents=2, seconds=90)
        failed = [event.fact for event in seen.of(TRAJECTORIES_FAILED)]
        assert len(failed) == 2
        for one in failed:
            assert isinstance(one, TrajectoryRecord)
            assert one.outcome is Outcome.FAILURE
            assert one.submission is not None
            assert one.submission.reason is SubmitReason.STEPS_SPENT
        assert len(seen.of(MODEL_REPLIES)) == 12, "3 steps, each asked twice, for 2 incidents"


async def test_an_unreachable_model_is_told_and_closes_the_incident() -> None:
    zones = {"AOI_MODEL__BASE_URL": NOBODY_LISTENS, "AOI_MODEL__NAME": "nobody"}
    async with pipeline(incidents=1, zones=zones) as (stack, seen):
        await until_closed(stack, seen, incidents=1, seconds=150)
        assert _reasons(seen) == {SubmitReason.MODEL_UNAVAILABLE}
        for event in seen.of(MODEL_REPLIES):
            assert isinstance(event.fact, ModelReplied)
            assert event.fact.text is None
            assert NOBODY_LISTENS in (event.fact.error or "")
            assert "check that the endpoint runs" in (event.fact.error or "")


def _reasons(seen: Seen) -> set[SubmitReason]:
    facts = [event.fact for event in seen.of(PLANS)]
    return {
        fact.submission.reason
        for fact in facts
        if isinstance(fact, PlanProposed) and fact.submission is not None
    }
