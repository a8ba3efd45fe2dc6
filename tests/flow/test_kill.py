"""Each zone is killed in the middle of incidents: all end, no act twice, repeats carry their id."""

import asyncio
import os
import signal
from collections import Counter

import pytest

from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted
from agents.contracts.ids import EventId
from agents.contracts.plan import PlanKind, PlanProposed
from agents.roles import Role, Zone
from streams.topics import LEDGER, ACTIONS_EXECUTED, PLANS, TOPICS
from tests.flow.stacks import Seen, pipeline, until_closed

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]
WANTED = 12
WORKERS = {f"aoi/{role}" for role in Role} - {
    "aoi/correlator",
    "aoi/observer",
    "aoi/gate",
    "aoi/closer",
}


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
        _nothing_is_missing_or_done_twice(seen)


def _nothing_is_missing_or_done_twice(seen: Seen) -> None:
    events = [event for topic in TOPICS for event in _distinct_topic(seen, topic.name)]
    known = {event.id for event in events}
    repeated = [one for one, times in Counter(event.id for event in events).items() if times > 1]
    sources = {event.source for event in events if event.id in repeated}
    assert sources <= WORKERS, "a reducer repeated a fact"
    intents = [event.fact for event in seen.of(LEDGER) if isinstance(event.fact, ActIntended)]
    assert len({one.approval_id for one in intents}) == len(intents), "an act was intended twice"
    reports: dict[str, set[str]] = {}
    for event in seen.of(ACTIONS_EXECUTED):
        assert isinstance(event.fact, ActionExecuted)
        reports.setdefault(event.fact.approval_id, set()).add(event.fact.result)
    assert all(len(results) == 1 for results in reports.values()), reports
    for event in seen.of(PLANS):
        assert isinstance(event.fact, PlanProposed)
        if event.fact.kind is PlanKind.SUBMIT and event.fact.submission is not None:
            missing = set(event.fact.submission.requires) - known
            assert not missing, missing
    _sequences_are_whole(events)


def _distinct_topic(seen: Seen, name: str) -> list[Event]:
    """Return a topic's events, leaving out the second home of failed trajectories."""
    return [] if name == "trajectories.failed" else seen.by_topic.get(name, [])


def _sequences_are_whole(events: list[Event]) -> None:
    """The outputs of each reducer state are numbered without a gap."""
    numbers: dict[tuple[str, str], set[int]] = {}
    ids: dict[tuple[str, str, int], EventId] = {}
    for event in events:
        if event.sequence is None or event.source == "aoi/correlator":
            continue
        owner = (event.source, event.incident or event.key)
        numbers.setdefault(owner, set()).add(event.sequence)
        known = ids.setdefault((*owner, event.sequence), event.id)
        assert known == event.id, "one place of a sequence holds two facts"
    for owner, found in numbers.items():
        assert found == set(range(len(found))), owner
