"""The page stands alone, is escaped, and says the numbers of the JSON."""

import re
from html.parser import HTMLParser

import orjson
import pytest

from agents.contracts.incident import Task
from learner.evaluation.benchmark.evaluation import Evaluation, evaluation_of
from learner.evaluation.benchmark.journal import Settings
from learner.evaluation.benchmark.outcomes import Choices, Outcome
from learner.evaluation.benchmark.report import page, percent
from learner.evaluation.benchmark.scores import Prices
from tests.doubles.outcomes import outcome

HOSTILE = '<script src="https://evil.example/x.js">alert("&")</script>'
SETTINGS = Settings(
    version="1",
    agent="model",
    model=HOSTILE,
    tasks="mine",
    count=5,
    problems="d",
    runs=2,
    seed=0,
)
VOID = frozenset({"meta", "link", "br", "hr", "img", "input"})


class Page(HTMLParser):
    """What a program reads of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.data: dict[str, float] = {}
        self.shown: dict[str, str] = {}
        self.words: list[str] = []
        self._path = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "data":
            told = dict(attrs)
            self._path = told["data-path"] or ""
            self.data[self._path] = float(told["value"] or "nan")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._path = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._path:
            self.shown[self._path] = data


def outcomes() -> list[Outcome]:
    found = []
    for number, task in enumerate(Task):
        for run in range(2):
            place = {
                "task": task,
                "family": f"f{number % 3}" if number else HOSTILE,
                "decidable": number != 2,
            }
            name = HOSTILE if number == 0 else f"p{number}"
            right = (number + run) % 3 > 0
            found += [
                outcome(name, run, right=right, strict=False, reason=HOSTILE, **place),
                outcome(name, run, row="always-yes", right=run == 0, **place),
                outcome(name, run, row="do-nothing", right=False, **place),
                outcome(
                    name,
                    run,
                    row="random",
                    right=number == 1,
                    choices=Choices(count=4, aiopslab=("a",), strict=()),
                    **place,
                ),
            ]
    return found


@pytest.fixture
def evaluation() -> Evaluation:
    prices = Prices(per_million_in=1.0)
    return evaluation_of(SETTINGS, outcomes(), macro=False, prices=prices)


@pytest.fixture
def text(evaluation: Evaluation) -> str:
    return page(evaluation, outcomes())


def value_at(content: object, path: str) -> object:
    for key in path.split("/"):
        content = content[int(key)] if isinstance(content, list) else content[key]  # type: ignore[index]
    return content


def test_every_number_is_that_of_the_json(evaluation: Evaluation, text: str) -> None:
    read = Page(text)
    content = orjson.loads(evaluation.model_dump_json())
    hostile = {path for path in read.data if HOSTILE in path}
    for path, value in read.data.items():
        if path not in hostile:
            assert value == value_at(content, path), path
            shares = ("avg_at_1", "avg_at_k", "best_at_k")
            if path.endswith(shares) and "intervals" not in path:
                assert read.shown[path] == percent(value)
    assert len(hostile) == 4


def test_every_row_verdict_and_task_type_is_there(evaluation: Evaluation, text: str) -> None:
    read = Page(text)
    wanted = {
        f"{prefix}{verdict}/{name}"
        for prefix in ("", *(f"constants/{row}/" for row in evaluation.constants))
        for verdict in ("aiopslab", "strict")
        for name in (
            *("avg_at_1", "avg_at_k", "best_at_k"),
            *(f"tasks/{task}/avg_at_k" for task in Task if verdict == "aiopslab"),
        )
    }
    assert len(evaluation.constants) == 4
    assert wanted <= read.data.keys()
    # all and four task types, under two verdicts; a bar a row except where strict has no problem
    assert read.tags.count("svg") == 10
    assert read.tags.count("rect") == 10 * 5 - 5


def test_the_page_loads_nothing(text: str) -> None:
    read = Page(text)
    assert read.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    linked = {"href", "src", "srcset", "action", "data", "xlink:href", "style"}
    for name, value in read.attributes:
        assert name not in linked - {"style"}
        if name == "style":
            assert re.fullmatch(r"--share:[01]\.\d+", value)
    assert "url(" not in text
    assert "@import" not in text


def test_names_are_escaped(text: str) -> None:
    assert "<script" not in text
    assert HOSTILE in Page(text).words


def test_every_run_of_every_problem_is_told(text: str) -> None:
    titles = [value for name, value in Page(text).attributes if name == "title"]
    assert len(titles) == len(Task) * 2
    assert sum("right for AIOpsLab alone" in title for title in titles) == 5
    assert sum(": wrong" in title for title in titles) == 3


def test_light_and_dark_are_both_there(text: str) -> None:
    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text
