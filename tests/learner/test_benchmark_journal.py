"""The file of outcomes: it goes on where it stopped, and never mixes settings."""

from pathlib import Path

import orjson
import pytest

from learner.evaluation.benchmark.journal import Journal, OtherSettings, Settings
from tests.doubles.outcomes import outcome

SETTINGS = Settings(
    version="1", agent="model", model="m@0", tasks="all", count=2, problems="d", runs=2, seed=0
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "results.jsonl"


def test_outcomes_are_there_when_it_is_opened_again(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        journal.add([outcome("p"), outcome("q", 1)])
    with Journal(path, SETTINGS) as journal:
        assert set(journal.done) == {("model", "p", 0), ("model", "q", 1)}
        assert journal.done["model", "q", 1] == outcome("q", 1)


def test_the_first_line_pins_the_settings(path: Path) -> None:
    with Journal(path, SETTINGS):
        pass
    assert orjson.loads(path.read_bytes().splitlines()[0]) == {"settings": SETTINGS.model_dump()}
    with pytest.raises(OtherSettings, match=r"runs 2, now 5; seed 0, now 1.*another --out"):
        Journal(path, SETTINGS.model_copy(update={"runs": 5, "seed": 1}))


def test_a_torn_last_line_is_cut_off(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        journal.add([outcome("p"), outcome("q")])
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with Journal(path, SETTINGS) as journal:
        assert set(journal.done) == {("model", "p", 0)}
        journal.add([outcome("q")])
    assert path.read_bytes() == content


def test_a_file_of_something_else_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my notes\n", encoding="utf-8")
    with pytest.raises(OtherSettings, match="expected the settings"):
        Journal(path, SETTINGS)
    assert path.read_text(encoding="utf-8") == "my notes\n"


def test_a_garbled_outcome_is_named_by_its_line(path: Path) -> None:
    with Journal(path, SETTINGS) as journal:
        journal.add([outcome("p")])
    path.write_bytes(path.read_bytes() + b'{"row": "model"}\n')
    with pytest.raises(OtherSettings, match="line 3"):
        Journal(path, SETTINGS)


def test_two_evaluations_do_not_write_one_file(path: Path) -> None:
    with Journal(path, SETTINGS), pytest.raises(OtherSettings, match="another evaluation writes"):
        Journal(path, SETTINGS)
