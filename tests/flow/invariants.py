"""What must hold of everything that was written, whatever was killed while it was written."""

from collections import Counter

from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted
from agents.contracts.ids import EventId
from agents.contracts.plan import PlanKind, PlanProposed
from agents.roles import Role
from streams.topics import ACTIONS_EXECUTED, LEDGER, PLANS, REDUCERS, TOPICS
from tests.flow.stacks import Seen

WORKERS = {f"aoi/{role}" for role in Role} - {f"aoi/{role}" for role in REDUCERS}


def nothing_is_missing_or_done_twice(seen: Seen) -> None:
    """Repeats come from workers with their id, acts are intended once, sequences have no gap."""
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
