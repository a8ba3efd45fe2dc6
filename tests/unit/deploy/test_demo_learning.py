"""The learner's turn in a demo: shown while it runs, told when it fails, ended on every way out."""

import asyncio
import os
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from deploy.embedded.demo import view
from deploy.embedded.demo.learning import Learned, bounded
from deploy.embedded.demo.progress import Progress, ProgressFile
from deploy.embedded.demo.screen import Screen
from deploy.embedded.supervisor import Program, Supervisor

STAND_IN = """
import json, os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from learner.checkpoint import Checkpoints
from learner.manifest import Manifest, TurnTold
from learner.models import ModelRef

folder = Path(os.environ["AOI_STATE_DIR"]) / "learner"
folder.mkdir(parents=True, exist_ok=True)
(folder / "pid").write_text(str(os.getpid()))
for done in range(3):
    with (folder / "progress.json").open("a") as file:
        file.write(json.dumps({"step": "evolve", "told": "so far", "done": done, "of": 2}) + "\\n")
    time.sleep(0.3)
wish = sys.argv[1]
if wish == "hang":
    time.sleep(60)
if wish == "save":
    now = datetime.now(UTC)
    with Checkpoints(folder / "checkpoints") as checkpoints:
        found = checkpoints.latest()
        number = found[1].number + 1 if found else 1
        turn = TurnTold(number=number, ended_at=now, failures=3, repeats=0, unreadable=0,
                        corrected=2, dropped={"not proved": 1})
        current = ModelRef(model_id="m", location="/m", digest="sha256:" + "0" * 64)
        checkpoints.save(Manifest(number=number, epoch=checkpoints.epoch, written_at=now,
                                  current=current, turns=(turn,)))
sys.exit(7 if wish == "fail" else 0)
"""


class Heard:
    """What was shown."""

    def __init__(self) -> None:
        self.steps: list[Progress] = []

    def __call__(self, steps: Iterable[Progress], seconds: float) -> None:
        self.steps += steps


async def learned(tmp_path: Path, wish: str, heard: Heard, *, limit: float = 30) -> Learned:
    """Run the stand-in as the learner is run."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    supervisor = Supervisor()
    program = Program(
        name="learner",
        module="stand_in",
        arguments=(wish,),
        log=tmp_path / "log" / "learner.log",
        restart=False,
        environment={
            "AOI_STATE_DIR": str(tmp_path),
            "PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path.cwd()))),
        },
    )
    try:
        return await bounded(supervisor, program, tmp_path / "learner", heard, limit=limit)
    finally:
        assert supervisor.alive() == []
        await supervisor.stop()


async def test_a_turn_is_shown_and_told(tmp_path: Path) -> None:
    heard = Heard()
    for number in (1, 2):
        result = await learned(tmp_path, "save", heard)
        assert result.failed == "", result.log.read_text()
        assert result.told is not None
        assert (result.told.number, result.told.corrected) == (number, 2)
        assert result.verdict == "none"
    assert [step.step for step in heard.steps][:1] == ["evolve"]
    assert heard.steps[-1].done == 2


@pytest.mark.parametrize(
    ("wish", "limit", "says"),
    [
        ("fail", 30, "exit code 7"),
        ("idle", 30, "without a checkpoint"),
        ("hang", 3, "ended after 3 s"),
    ],
)
async def test_a_turn_that_goes_wrong_is_told(
    tmp_path: Path, wish: str, limit: float, says: str
) -> None:
    result = await learned(tmp_path, wish, Heard(), limit=limit)
    assert says in result.failed
    assert str(tmp_path / "log" / "learner.log") in result.failed
    assert result.told is None
    assert "Round two goes on" in view.learned(result).plain


async def test_an_interrupted_turn_leaves_nothing_running(tmp_path: Path) -> None:
    running = asyncio.create_task(learned(tmp_path, "hang", Heard()))
    pid = tmp_path / "learner" / "pid"
    while not pid.exists() or not pid.read_text():
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(int(pid.read_text()))


def test_progress_is_read_by_step_and_broken_lines_are_skipped(tmp_path: Path) -> None:
    file = ProgressFile(path=tmp_path / "progress.json")
    assert file.read() == []
    file.path.write_text('{"step": "evolve", "done": 1, "of": 4}\n{"step": "tra')
    assert [step.done for step in file.read()] == [1]
    assert file.read() == []
    file.path.write_text('{"step": "train", "told": "reward 0.4", "done": 0, "of": 2, "more": 1}')
    assert [step.step for step in file.read()] == ["train"]
    assert list(file.steps) == ["evolve", "train"]


def test_a_log_gets_a_line_when_a_step_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(Console(width=120), plain=True)
    for done in (0, 1, 2, 2):
        screen.learning([Progress(step="evolve", told="repairing", done=done, of=2)], 1.0)
    assert capsys.readouterr().out.splitlines() == [
        "learner: evolve 0 of 2 repairing",
        "learner: evolve 2 of 2 repairing",
    ]


def test_the_live_picture_has_a_bar_a_step() -> None:
    console = Console(width=120, record=True, file=StringIO())
    steps = [Progress(step="evolve", done=2, of=4), Progress(step="train", told="reward 0.4")]
    console.print(view.learning(steps, seconds=3))
    text = console.export_text()
    assert "2 of 4" in text and "reward 0.4" in text
