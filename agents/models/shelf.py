"""The models that serve: the start-up one, and those that promotions named, a few at a time.

    promotions --> [ offer ] --> [ index ] <-- file
                                    |
    request --> [ lend ] -- held? --+-- no --> [ loader ]: make room, verify, load --> all who wait

Invariant: a request is answered by the weights of the id that it names or by none. A model with
answers in flight is never closed, the start-up model never; at most `most` are in memory at once.
Loading takes a thread, so what runs goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from agents.contracts.ids import ModelId
from agents.models.digest import digest_of
from agents.models.index import ModelIndex, Place, Reassigned
from agents.models.protocol import Answer, Model, ModelUnavailable, Question

log = structlog.get_logger(__name__)


class Held(Model, Protocol):
    """A model that takes memory until it is closed."""

    def close(self) -> None:
        """Let running answers end and give the memory back; blocks."""
        ...


@dataclass(slots=True, eq=False)
class _Book:
    """A loaded model. used: a count that orders models by their last use."""

    model: Held
    model_id: ModelId
    users: int = 0
    used: int = 0
    leaving: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A model that answers under the id by which it was asked for."""

    model: Model
    model_id: ModelId

    async def answer(self, question: Question) -> Answer:
        """Answer. Raises `ModelUnavailable`."""
        return replace(await self.model.answer(question), model_id=self.model_id)


class Shelf:
    """Lends models by id.

    first: the start-up model, with its digest and the names it goes by beside its own id. load:
    makes a model of a folder, in a thread. most: models in memory at once, the first included, at
    least 2. wait_seconds: how long an id that nobody has named yet is waited for, since whoever
    asks may have heard of a promotion sooner.
    """

    def __init__(
        self,
        first: Held,
        *,
        digest: str,
        names: Iterable[str],
        load: Callable[[Path], Held],
        index: ModelIndex,
        most: int = 3,
        wait_seconds: float = 10.0,
    ) -> None:
        self._first, self._digest = first, digest
        self._names = {first.model_id, *map(ModelId, names)}
        self._load, self._index = load, index
        self._most, self._wait = max(most, 2), wait_seconds
        self._books: dict[ModelId, _Book] = {}
        self._queue: dict[ModelId, list[asyncio.Future[_Book]]] = {}
        self._loader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._uses = 0

    @property
    def loaded(self) -> int:
        """How many models are in memory."""
        return 1 + len(self._books)

    def offer(self, model_id: ModelId, place: Place) -> None:
        """Take note of where an id's weights lie; they are loaded when first asked for."""
        if model_id in self._names and place.digest != self._digest:
            log.warning(
                "promotion refused: the start-up model has this name and other weights",
                model_id=model_id,
                expected=self._digest,
                got=place.digest,
            )
            return
        try:
            self._index.put(model_id, place)
        except Reassigned as error:
            log.warning("promotion refused", model_id=model_id, reason=str(error))
            return
        log.info("model known", model_id=model_id, location=place.location)
        self._news.set()
        self._news = asyncio.Event()

    @asynccontextmanager
    async def lend(self, model_id: ModelId) -> AsyncIterator[Model]:
        """Give the model of an id for as long as the context lasts. Raises `ModelUnavailable`."""
        if model_id in self._names:
            yield self._first
            return
        place = await self._known(model_id)
        if place.digest == self._digest:
            yield _Named(model=self._first, model_id=model_id)
            return
        book = await self._borrowed(model_id)
        try:
            yield _Named(model=book.model, model_id=model_id)
        finally:
            self._returned(book)

    async def start(self) -> None:
        """Nothing to wait for: the index was read when it was made."""

    async def close(self) -> None:
        """Close every model, the first included; whoever waits for one is told."""
        if self._loader is not None:
            self._loader.cancel()
            with suppress(asyncio.CancelledError):
                await self._loader
        for model_id in list(self._queue):
            self._refuse(model_id, "the role stops; ask again")
        for book in self._books.values():
            await asyncio.to_thread(book.model.close)
        self._books.clear()
        await asyncio.to_thread(self._first.close)

    async def _known(self, model_id: ModelId) -> Place:
        try:
            async with asyncio.timeout(self._wait):
                while (place := self._index.get(model_id)) is None:
                    await self._news.wait()
        except TimeoutError:
            raise ModelUnavailable(
                f"expected {sorted(self._names)} or a promoted model, got {model_id!r}: no "
                f"promotion named it within {self._wait:g} s and it is not in {self._index.path}; "
                "check that AOI_OBSERVER_MODEL and AOI_STATE_DIR are the same for all roles"
            ) from None
        return place

    async def _borrowed(self, model_id: ModelId) -> _Book:
        book = self._books.get(model_id)
        if book is not None and not book.leaving:
            return self._taken(book)
        future: asyncio.Future[_Book] = asyncio.get_running_loop().create_future()
        self._queue.setdefault(model_id, []).append(future)
        if self._loader is None or self._loader.done():
            self._loader = asyncio.create_task(self._load_queued(), name="load models")
        try:
            return await future
        except asyncio.CancelledError:
            # it may have been lent in the very moment in which the asker was cancelled
            if future.done() and not future.cancelled() and future.exception() is None:
                self._returned(future.result())
            raise

    def _taken(self, book: _Book) -> _Book:
        book.users += 1
        self._use(book)
        return book

    def _returned(self, book: _Book) -> None:
        book.users -= 1
        self._use(book)
        if not book.users:
            book.idle.set()

    def _use(self, book: _Book) -> None:
        self._uses += 1
        book.used = self._uses

    async def _load_queued(self) -> None:
        """Load what is asked for, one after another, in the order of asking."""
        while self._queue:
            model_id = next(iter(self._queue))
            try:
                await self._make_room()
                book = await self._loaded(model_id)
            except Exception as error:  # noqa: BLE001 - told to who asks; the next one loads again
                log.warning("model not loaded", model_id=model_id, reason=str(error))
                self._refuse(model_id, f"could not load {model_id}: {error}")
                continue
            for future in self._queue.pop(model_id):
                if not future.done():
                    future.set_result(self._taken(book))

    def _refuse(self, model_id: ModelId, why: str) -> None:
        for future in self._queue.pop(model_id):
            if not future.done():
                future.set_exception(ModelUnavailable(why))

    async def _make_room(self) -> None:
        """Close the least recently used, idle ones first; busy ones are awaited."""
        while self.loaded >= self._most:
            book = min(self._books.values(), key=lambda one: (one.users > 0, one.used))
            book.leaving = True
            while book.users:
                book.idle.clear()
                await book.idle.wait()
            await asyncio.to_thread(book.model.close)
            del self._books[book.model_id]
            log.info("model closed", model_id=book.model_id)

    async def _loaded(self, model_id: ModelId) -> _Book:
        place = self._index.get(model_id)
        assert place is not None  # noqa: S101 - only known ids are queued, and none is forgotten
        model = await asyncio.to_thread(self._verified, place)
        book = _Book(model, model_id)
        self._books[model_id] = book
        log.info("model loaded", model_id=model_id, location=place.location)
        return book

    def _verified(self, place: Place) -> Held:
        """Load a folder whose weights are those that were judged."""
        folder = Path(place.location)
        found = digest_of(folder)
        if found != place.digest:
            raise ModelUnavailable(
                f"expected {place.digest} in {folder}, got {found}; the weights were changed after "
                "they were promoted"
            )
        return self._load(folder)
