"""Continuous batching: callers of an event loop share one engine that runs in one thread.

Invariant: the engine is touched by its thread alone; a request joins between two decode steps and
leaves at its own end, so nobody waits for the longest completion. A caller that was cancelled is
dropped before the next step.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from agents.models.protocol import ModelUnavailable


@dataclass(slots=True, eq=False)
class Generation:
    """One completion while it grows. `tokens` ends with the end mark unless the budget ended it.

    weights: the identity of what ran it, set when it is admitted.
    """

    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float
    seed: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    weights: str = ""
    dropped: Callable[[], bool] = field(default=lambda: False)


class Engine(Protocol):
    """Something that extends many completions by one token at a time."""

    def admit(self, generation: Generation) -> bool:
        """Run the prompt and add the first token; return whether the completion is over."""
        ...

    def step(self) -> list[Generation]:
        """Add one token to every running completion; return those that are over."""
        ...

    def drop(self, generation: Generation) -> None:
        """Forget a running completion."""
        ...

    @property
    def running(self) -> tuple[Generation, ...]:
        """What is not over yet."""
        ...


@dataclass(slots=True, eq=False)
class _Ticket:
    generation: Generation
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Generation]

    def settle(self, error: BaseException | None = None) -> None:
        """Hand the result to the caller's loop, which may be gone or no longer interested."""

        def set_result() -> None:
            if self.future.done():
                return
            if error is None:
                self.future.set_result(self.generation)
            else:
                self.future.set_exception(error)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(set_result)


class Batcher:
    """Feeds an engine from any number of coroutines; `close` ends its thread."""

    def __init__(self, engine: Engine, *, max_batch: int) -> None:
        self._engine = engine
        self._max_batch = max_batch
        self._waiting: queue.SimpleQueue[_Ticket | Callable[[], None] | None] = queue.SimpleQueue()
        self._open: dict[int, _Ticket] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="aoi-local-model", daemon=True)
        self._thread.start()

    async def complete(self, generation: Generation) -> Generation:
        """Return the generation once it is over. Raises `ModelUnavailable`."""
        if self._closed:
            raise ModelUnavailable("the local model was closed; make a new one")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Generation] = loop.create_future()
        generation.dropped = future.cancelled
        self._waiting.put(_Ticket(generation, loop, future))
        return await future

    async def exclusively(self, work: Callable[[], None]) -> None:
        """Run `work` in the engine's thread while no completion runs, such as new weights."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - it rises in the caller instead
                loop.call_soon_threadsafe(future.set_exception, error)
            else:
                loop.call_soon_threadsafe(future.set_result, None)

        self._waiting.put(run)
        await future

    def close(self) -> None:
        """Let running completions end, then end the thread; waiting callers get an error."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        held: Callable[[], None] | None = None
        while not (closing and not self._open):
            if held is not None and not self._open:
                held()
                held = None
            while held is None and not closing and len(self._open) < self._max_batch:
                try:
                    item = self._waiting.get(block=not self._open)
                except queue.Empty:
                    break
                if item is None:
                    closing = True
                elif isinstance(item, _Ticket):
                    self._admit(item)
                else:
                    held = item
                    break
            self._advance()
        self._refuse_waiting()

    def _admit(self, ticket: _Ticket) -> None:
        if ticket.generation.dropped():
            return
        try:
            over = self._engine.admit(ticket.generation)
        except Exception as error:  # noqa: BLE001 - told to the caller as what it is
            ticket.settle(ModelUnavailable(f"the local model failed on a prompt: {error!r}"))
            return
        if over:
            ticket.settle()
        else:
            self._open[id(ticket.generation)] = ticket

    def _advance(self) -> None:
        for ticket in [t for t in self._open.values() if t.generation.dropped()]:
            self._engine.drop(ticket.generation)
            del self._open[id(ticket.generation)]
        if not self._open:
            return
        try:
            over = self._engine.step()
        except Exception as error:  # noqa: BLE001 - every running caller learns of it
            for ticket in self._open.values():
                self._engine.drop(ticket.generation)
                ticket.settle(ModelUnavailable(f"the local model failed: {error!r}"))
            self._open.clear()
            return
        for generation in over:
            self._open.pop(id(generation)).settle()

    def _refuse_waiting(self) -> None:
        while not self._waiting.empty():
            item = self._waiting.get()
            if isinstance(item, _Ticket):
                item.settle(ModelUnavailable("the local model was closed; make a new one"))
