"""The in-process driver: the same reducers and workers as over Kafka, joined by a queue.

Invariant: it decides nothing. Events are handed on in the order in which they were made; when
nothing is left but timers, the clock moves to the next one. `aoi solve`, evaluation and rollouts
run on it, and a test holds it against the Kafka driver.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.contracts.envelope import Event
from agents.contracts.trajectory import TrajectoryRecord
from agents.reducer import AnyReducer, Output, ReducerState, due_timers, reduce
from agents.roles import Role
from agents.worker import Transient, Worker, answered

Participant = Callable[[Event], Awaitable[Sequence[Event]]]
"""Someone outside of the roles: an approver or a judge; sees every event, may answer."""

MAX_TRIES = 3


class Stuck(RuntimeError):
    """Nothing is in flight, no timer stands, and the incident has not closed."""


@dataclass(slots=True)
class Clock:
    """A clock that moves only when it is told to."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the present moment."""
        return self.now

    def advance_to(self, moment: datetime) -> None:
        """Move forward; a moment in the past changes nothing."""
        self.now = max(self.now, moment)


@dataclass(slots=True, kw_only=True)
class Driver:
    """Reducers, workers and participants around one queue. `log` holds every event, in order."""

    reducers: Sequence[AnyReducer]
    workers: Sequence[Worker]
    participants: Sequence[Participant] = ()
    clock: Clock
    log: list[Event] = field(default_factory=list)
    states: dict[tuple[Role, str], ReducerState] = field(default_factory=dict)

    async def run(self, events: Sequence[Event], *, until: int = 1) -> list[TrajectoryRecord]:
        """Feed the events and go on until that many trajectories have closed.

        Raises Stuck when nothing more can happen before that.
        """
        queue = deque(events)
        closed: list[TrajectoryRecord] = []
        while len(closed) < until:
            if not queue:
                queue.extend(self._next_timers())
            event = queue.popleft()
            self.clock.advance_to(event.time)
            self.log.append(event)
            if isinstance(event.fact, TrajectoryRecord):
                closed.append(event.fact)
            queue.extend(await self._handled(event))
        return closed

    async def _handled(self, event: Event) -> list[Event]:
        made: list[Event] = []
        for reducer in self.reducers:
            key = reducer.key_of(event)
            if key is not None:
                made += self._reduced(reducer, key, event)
        for worker in self.workers:
            made += answered(worker.role, event, await _tried(worker, event), self.clock())
        for participant in self.participants:
            made += await participant(event)
        return made

    def _reduced(self, reducer: AnyReducer, key: str, event: Event) -> list[Event]:
        place = (reducer.role, key)
        state, outputs = reduce(reducer, self.states.get(place), key, event)
        if state is None:
            self.states.pop(place, None)
        else:
            self.states[place] = state
        return outputs

    def _next_timers(self) -> list[Event]:
        due = [
            (when, role, state)
            for (role, _), state in self.states.items()
            for when in state.timers.values()
        ]
        if not due:
            raise Stuck("no event in flight and no timer set")
        when, role, state = min(due, key=lambda entry: (entry[0], entry[1], entry[2].key))
        self.clock.advance_to(when)
        made: list[Event] = []
        reducer: Any = next(r for r in self.reducers if r.role is role)
        for timer in due_timers(state, when):
            self.log.append(timer)
            made += self._reduced(reducer, state.key, timer)
        return made or self._next_timers()


async def _tried(worker: Worker, event: Event) -> Sequence[Output]:
    for _ in range(MAX_TRIES - 1):
        try:
            return await worker.handle(event)
        except Transient:
            continue
    return await worker.handle(event)
