"""The demo from its first alert to its last outcome.

    stack up -> round one closes -> the learner's turn -> round two, the siblings -> stack down

Invariant: without a learner the story ends with round one; a learner that fails changes nothing in
what follows but the model and the guidance that round two has.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.embedded.demo import view
from deploy.embedded.demo.board import ROUNDS, Board
from deploy.embedded.demo.learning import Learned, Show
from deploy.embedded.demo.screen import Screen
from deploy.embedded.stack import Stack, StackSettings, running
from streams.tail import Tail
from streams.topics import (
    ACTIONS_APPROVED,
    ACTIONS_EXECUTED,
    ACTIONS_REFUSED,
    ACTIONS_REQUESTED,
    GUIDANCE,
    INCIDENTS,
    MODELS,
    PLANS,
    TRAJECTORIES,
)

FOLLOWED = (
    INCIDENTS,
    PLANS,
    ACTIONS_REQUESTED,
    ACTIONS_APPROVED,
    ACTIONS_REFUSED,
    ACTIONS_EXECUTED,
    TRAJECTORIES,
    GUIDANCE,
    MODELS,
)
REFRESH_SECONDS = 0.25

Learn = Callable[[Stack, Show], Awaitable[Learned]]


@dataclass(slots=True, kw_only=True)
class Story:
    """One run. learn: the learner's turn; none: one round. limit: seconds for a round to close."""

    board: Board
    screen: Screen
    limit: float
    learn: Learn | None = None

    async def run(self, settings: StackSettings) -> Learned | None:
        """Run to the end and return what was learned. Raises what the stack raises."""
        async with running(settings, self.screen.tell) as stack:
            self.board.rounds = stack.rounds
            reading = asyncio.create_task(self._follow(stack))
            try:
                await self._round(1, reading)
                if self.learn is None:
                    return None
                self.screen.console.print(view.final(self.board, 1))
                return await self._learned(self.learn, stack, reading)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _learned(self, learn: Learn, stack: Stack, reading: asyncio.Task[None]) -> Learned:
        self.screen.tell("the learner takes its turn")
        with self.screen.live():
            learned = await learn(stack, self.screen.learning)
        self.screen.console.print(view.learned(learned))
        self.screen.tell("the siblings raise their alerts")
        await stack.release(ROUNDS)
        await self._round(ROUNDS, reading)
        return learned

    async def _follow(self, stack: Stack) -> None:
        async with Tail(stack.login("operator"), FOLLOWED) as tail:
            async for _, event in tail:
                self.board.see(event)
                row = self.board.rows.get(getattr(event.fact, "incident_id", ""))
                if row is not None:
                    self.screen.incident(row)

    async def _round(self, number: int, reading: asyncio.Task[None]) -> None:
        """Watch until every lab of the round has an outcome, or the time is over."""
        started = time.monotonic()
        wanted = len(self.board.rounds[number - 1])
        with self.screen.live():
            while (closed := self.board.closed(number)) < wanted:
                seconds = time.monotonic() - started
                if seconds > self.limit or reading.done():
                    return
                note = f"round {number}: {closed} of {wanted} incidents closed"
                self.screen.show(view.live(self.board, number, note=note, seconds=seconds))
                await asyncio.sleep(REFRESH_SECONDS)
