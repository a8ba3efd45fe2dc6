"""Each zone is killed in the middle of incidents: all end, no act twice, repeats carry their id."""

import asyncio
import os
import signal

import pytest

from agents.roles import Zone
from streams.topics import PLANS
from tests.flow.invariants import nothing_is_missing_or_done_twice
from tests.flow.stacks import pipeline, until_closed

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]
WANTED = 12


async def test_every_zone_may_be_killed_in_the_middle_of_incidents() -> None:
    slow_storm = {
        "AOI_LAB__FAMILY": "scaled_to_zero",
        "AOI_LAB__TASK": "mitigation",
        "AOI_LAB__SPACING_SECONDS": "3",
    }
    async with pipeline(incidents=WANTED, lab=slow_storm) as (stack, seen):
        async with asyncio.timeout(60):
            while not seen.of(PLANS):
                await asyncio.sleep(0.05)
        for zone in Zone:
            os.killpg(stack.supervisor.pid(zone), signal.SIGKILL)
            await asyncio.sleep(4)
        await until_closed(stack, seen, incidents=WANTED, seconds=180)
        await asyncio.sleep(1)
        assert set(stack.supervisor.restarts) == set(Zone)
        nothing_is_missing_or_done_twice(seen)
