"""The shelf: the weights of the id that was asked for, or none; few at once, none interrupted."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.contracts.ids import IncidentId, ModelId, SampleRef
from agents.contracts.model import Message, ModelRequested, ModelRole, Usage
from agents.models.digest import digest_of, id_of
from agents.models.index import ModelIndex, Place, Reassigned
from agents.models.protocol import Answer, ModelUnavailable, Question
from agents.models.shelf import Shelf
from agents.models.step import InferenceWorker
from agents.worker import Fatal

QUESTION = Question(messages=(Message(role="user", content="hi"),), max_tokens=9, seed=4)


@dataclass(slots=True, eq=False)
class Weights:
    """A model that answers with the name of its folder once `gate` is open."""

    folder: Path
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    @property
    def model_id(self) -> ModelId:
        return id_of(self.folder, digest_of(self.folder))

    async def answer(self, question: Question) -> Answer:
        await self.gate.wait()
        assert not self.closed, f"{self.folder.name} was closed while it answered"
        return Answer(text=self.folder.name, usage=Usage(), model_id=self.model_id)

    def close(self) -> None:
        self.closed = True


class Bench:
    """A shelf in a folder, with fakes for weights that remember what was loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: list[str] = []
        self.models: dict[str, Weights] = {}
        self.threads: set[int] = set()
        self.shut: set[str] = set()

    def checkpoint(self, name: str) -> Place:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        (path / "model.safetensors").write_bytes(name.encode())
        return Place(location=str(path), digest=digest_of(path))

    def load(self, path: Path) -> Weights:
        self.loaded.append(path.name)
        self.threads.add(threading.get_ident())
        model = Weights(path)
        if path.name not in self.shut:
            model.gate.set()
        self.models[path.name] = model
        return model

    def shelf(self, *, most: int = 3, wait: float = 5.0) -> Shelf:
        place = self.checkpoint("first")
        first = self.load(Path(place.location))
        self.loaded.clear()
        self.threads.clear()
        return Shelf(
            first,
            digest=place.digest,
            names=("default", "mine"),
            load=self.load,
            index=ModelIndex(self.folder / "state" / "models.json"),
            most=most,
            wait_seconds=wait,
        )

    def offer(self, shelf: Shelf, *names: str) -> None:
        for name in names:
            shelf.offer(ModelId(name), self.checkpoint(name))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def ask(shelf: Shelf, name: str) -> Answer:
    async with shelf.lend(ModelId(name)) as model:
        return await model.answer(QUESTION)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_the_start_up_model_goes_by_its_names_and_tells_its_own_id(bench: Bench) -> None:
    shelf = bench.shelf()
    own = bench.models["first"].model_id
    for name in ("default", "mine", own):
        answer = await ask(shelf, name)
        assert (answer.text, answer.model_id) == ("first", own)
    assert bench.loaded == []


async def test_promoted_weights_answer_under_the_id_of_their_promotion(bench: Bench) -> None:
    shelf = bench.shelf()
    bench.offer(shelf, "b")
    answers = await asyncio.gather(*(ask(shelf, "b") for _ in range(9)), ask(shelf, "default"))
    assert {(one.text, one.model_id) for one in answers[:-1]} == {("b", "b")}
    assert answers[-1].text == "first"
    assert bench.loaded == ["b"]
    assert threading.get_ident() not in bench.threads


async def test_the_start_up_weights_under_another_id_are_not_loaded_twice(bench: Bench) -> None:
    shelf = bench.shelf()
    shelf.offer(ModelId("again"), bench.checkpoint("first"))
    assert (await ask(shelf, "again")).model_id == "again"
    assert bench.loaded == []


async def test_an_id_that_is_named_later_is_waited_for(bench: Bench) -> None:
    shelf = bench.shelf()
    asked = asyncio.create_task(ask(shelf, "b"))
    await asyncio.sleep(0.02)
    bench.offer(shelf, "other")
    await asyncio.sleep(0.02)
    assert not asked.done()
    bench.offer(shelf, "b")
    assert (await asked).text == "b"


async def test_an_id_that_nobody_names_is_told_with_what_to_check(bench: Bench) -> None:
    shelf = bench.shelf(wait=0.05)
    with pytest.raises(ModelUnavailable, match=r"got 'ghost'.*models\.json.*AOI_OBSERVER_MODEL"):
        await ask(shelf, "ghost")


async def test_the_least_recently_used_is_closed_and_comes_back(bench: Bench) -> None:
    shelf = bench.shelf(most=3)
    bench.offer(shelf, "a", "b", "c")
    for name in ("a", "b", "a", "c"):
        await ask(shelf, name)
    assert bench.models["b"].closed
    assert not bench.models["a"].closed
    assert not bench.models["first"].closed
    assert shelf.loaded == 3
    assert (await ask(shelf, "b")).text == "b"
    assert bench.loaded == ["a", "b", "c", "b"]


async def test_a_model_with_answers_in_flight_is_closed_after_them_only(bench: Bench) -> None:
    shelf = bench.shelf(most=2)
    bench.shut.add("a")
    bench.offer(shelf, "a", "b")
    slow = asyncio.create_task(ask(shelf, "a"))
    await until(lambda: "a" in bench.models)
    waiting = asyncio.create_task(ask(shelf, "b"))
    await asyncio.sleep(0.02)
    later = asyncio.create_task(ask(shelf, "a"))  # behind b, or a would never be idle
    await asyncio.sleep(0.05)
    assert not bench.models["a"].closed
    assert bench.loaded == ["a"]
    assert (await ask(shelf, "default")).text == "first"
    old = bench.models["a"]
    bench.shut.clear()
    old.gate.set()
    assert [(await one).text for one in (slow, waiting, later)] == ["a", "b", "a"]
    assert old.closed
    assert bench.loaded == ["a", "b", "a"]
    assert shelf.loaded == 2


async def test_more_models_than_fit_are_all_served_in_turn(bench: Bench) -> None:
    shelf = bench.shelf(most=2)
    names = [f"m{number % 5}" for number in range(60)]
    bench.offer(shelf, *sorted(set(names)))
    answers = await asyncio.gather(*(ask(shelf, name) for name in names))
    assert [answer.text for answer in answers] == names
    assert shelf.loaded == 2


async def test_who_gives_up_while_a_model_loads_does_not_keep_it_busy(bench: Bench) -> None:
    shelf = bench.shelf(most=2)
    bench.offer(shelf, "a", "b")
    asked = asyncio.create_task(ask(shelf, "a"))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    async with asyncio.timeout(5):
        assert (await ask(shelf, "b")).text == "b"


async def test_changed_weights_are_refused_and_mended_ones_are_loaded(bench: Bench) -> None:
    shelf = bench.shelf()
    place = bench.checkpoint("a")
    shelf.offer(ModelId("a"), place)
    weights = Path(place.location) / "model.safetensors"
    weights.write_bytes(b"other")
    with pytest.raises(ModelUnavailable, match=f"expected {place.digest}"):
        await ask(shelf, "a")
    assert bench.loaded == []
    weights.write_bytes(b"a")
    assert (await ask(shelf, "a")).text == "a"


async def test_a_folder_without_weights_is_told(bench: Bench) -> None:
    shelf = bench.shelf()
    gone = Place(location=str(bench.folder / "gone"), digest=f"sha256:{'0' * 64}")
    shelf.offer(ModelId("a"), gone)
    with pytest.raises(ModelUnavailable, match=r"could not load a: expected \*\.safetensors"):
        await ask(shelf, "a")


async def test_an_id_keeps_its_digest(bench: Bench) -> None:
    shelf = bench.shelf()
    bench.offer(shelf, "a")
    for name in ("a", "default"):
        shelf.offer(ModelId(name), bench.checkpoint("b"))
    assert (await ask(shelf, "a")).text == "a"
    assert (await ask(shelf, "default")).text == "first"


async def test_a_pinned_id_is_found_after_a_restart_without_its_promotion(bench: Bench) -> None:
    shelf = bench.shelf()
    bench.offer(shelf, "old", "new")
    await shelf.close()
    # the topic holds the role's latest promotion alone
    again = bench.shelf(wait=0.05)
    bench.offer(again, "new")
    assert (await ask(again, "old")).text == "old"


async def test_closing_tells_who_waits_and_closes_all(bench: Bench) -> None:
    shelf = bench.shelf(most=2)
    bench.shut.add("a")
    bench.offer(shelf, "a", "b")
    busy = asyncio.create_task(ask(shelf, "a"))
    await until(lambda: "a" in bench.models)
    waiting = asyncio.create_task(ask(shelf, "b"))
    await asyncio.sleep(0.02)
    await shelf.close()
    with pytest.raises(ModelUnavailable, match="the role stops"):
        await waiting
    assert bench.models["a"].closed
    assert bench.models["first"].closed
    busy.cancel()


@pytest.fixture
async def worker(bench: Bench) -> AsyncIterator[InferenceWorker]:
    async def save(_: bytes) -> SampleRef:
        raise AssertionError("nothing to keep")

    shelf = bench.shelf(wait=0.05)
    bench.offer(shelf, "b")
    yield InferenceWorker(choose=shelf.lend, save=save)
    await shelf.close()


@pytest.mark.parametrize(("name", "text"), [("b", "b"), ("ghost", None)])
async def test_the_worker_asks_the_pinned_model(
    worker: InferenceWorker, name: str, text: str | None
) -> None:
    asked = ModelRequested(
        incident_id=IncidentId("i"),
        request_id="r",
        role=ModelRole.OBSERVER,
        iteration=1,
        model_id=ModelId(name),
        messages=QUESTION.messages,
        max_tokens=9,
        seed=4,
    )
    reply = await worker.reply(asked)
    assert (reply.text, reply.model_id) == (text, name)
    assert (reply.error is None) == (text is not None)


def test_two_processes_share_an_index(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    first, second = ModelIndex(file), ModelIndex(file)
    one, two = (Place(location=f"/{n}", digest=f"sha256:{n * 64}") for n in "12")
    first.put(ModelId("one"), one)
    second.put(ModelId("two"), two)
    whole = ModelIndex(file)
    assert (whole.get(ModelId("one")), whole.get(ModelId("two"))) == (one, two)
    assert [path.name for path in tmp_path.iterdir()] == ["models.json"]
    moved = one.model_copy(update={"location": "/elsewhere"})
    whole.put(ModelId("one"), moved)
    assert ModelIndex(file).get(ModelId("one")) == moved
    with pytest.raises(Reassigned, match="expected one to be sha256:1"):
        first.put(ModelId("one"), two)


def test_a_damaged_index_stops_the_role(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    file.write_text("{")
    with pytest.raises(Fatal, match=r"models\.json"):
        ModelIndex(file)
    with pytest.raises(ValidationError):
        Place(location="/", digest="md5:0")
