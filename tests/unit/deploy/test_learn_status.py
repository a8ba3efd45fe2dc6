"""`aoi learn status`: the manifest told to people and to programs, without torch or Ray."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy.cli import _learn_status as status
from deploy.cli import learn
from learner.checkpoint import Checkpoints
from learner.manifest import (
    Decision,
    Ingested,
    JudgementTold,
    Manifest,
    TurnTold,
    UpdateTold,
)
from learner.models import ModelRef

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HEAVY = """
import sys
from deploy.cli import _learn_status
_learn_status.show(as_json=True)
print(sorted({"torch", "ray", "transformers"} & sys.modules.keys()))
"""


def model(name: str) -> ModelRef:
    return ModelRef(model_id=name, location=f"/models/{name}", digest="sha256:" + "0" * 64)


def update(number: int) -> UpdateTold:
    return UpdateTold(
        number=number,
        episodes=64,
        success=0.25,
        groups=8,
        informative=5,
        sequences=300,
        tokens=90_000,
        reward=0.4,
        rewards={"outcome": 0.25, "format": 0.9},
        loss=0.01,
        grad_norm=1.0,
        kl_reference=0.002,
        kl_rollout=0.0001,
        seconds=30.0,
    )


def manifest(number: int = 1) -> Manifest:
    """Return a turn that saw three failures, trained twice and promoted nothing."""
    judged = JudgementTold(
        candidate="new",
        current="old",
        verdict="not_better",
        pairs=96,
        candidate_success=0.5,
        current_success=0.48,
        difference=0.02,
        low=-0.05,
        high=0.09,
        violations=0,
        reasons=("too little [bold]gain[/bold]",),
    )
    turn = TurnTold(
        number=number,
        ended_at=NOW,
        failures=3,
        repeats=0,
        unreadable=0,
        corrected=1,
        dropped={"not proved": 2},
        updates=(update(1), update(2)),
        judgement=judged,
    )
    kept = Ingested(pattern="wrong fix", decision=Decision.CORRECTED, reason="proved", turn=1)
    lost = Ingested(pattern="wrong fix", decision=Decision.DROPPED, reason="not proved", turn=1)
    other = lost.model_copy(update={"pattern": "premature stop"})
    return Manifest(
        number=number,
        epoch=1,
        written_at=NOW,
        offsets={0: 7},
        ingested={"i1/0": kept, "i2/0": lost, "i3/0": other},
        current=model("old"),
        candidate=model("new"),
        turns=(turn,),
    )


def shown(told: Manifest | None, behind: int | None) -> str:
    console = Console(width=160, record=True, file=StringIO())
    console.print(status.picture(told, behind))
    return console.export_text()


def test_people_see_every_part() -> None:
    text = shown(manifest(), 4)
    for part in (
        "1 turns, 3 failures seen",
        "serving: old",
        "wrong fix",
        "premature stop",
        "corrected: proved",
        "dropped: not proved",
        "25% of 64",
        "5 of 8",
        "outcome 0.250, format 0.900",
        "0.0020",
        "new: 50.0%",
        "+2.0%, between -5.0% and +9.0%, on 96 pairs",
        "not_better",
        "[bold]gain[/bold]",
        "lag: 4 failures",
    ):
        assert part in text, part


def test_programs_get_one_object() -> None:
    told = json.loads(json.dumps(status.content(manifest(), 4)))
    assert told["failures"] == {"seen": 3, "by_pattern": {"wrong fix": 2, "premature stop": 1}}
    assert told["corrections"] == {
        "proved": 1,
        "dropped": 2,
        "dropped_by_reason": {"not proved": 2},
    }
    assert [one["number"] for one in told["updates"]] == [1, 2]
    assert told["updates"][0]["rewards"] == {"outcome": 0.25, "format": 0.9}
    assert (told["judgement"]["verdict"], told["judgement"]["pairs"]) == ("not_better", 96)
    assert told["models"]["current"] == "old" and told["models"]["candidate"] == "new"
    assert told["lag"] == 4


def test_without_a_checkpoint_that_is_said(tmp_path: Path) -> None:
    assert status.newest(tmp_path) is None
    assert "no checkpoint yet" in shown(None, None)
    assert "lag: unknown" in shown(None, None)
    assert status.content(None, None) == {"checkpoint": None, "lag": "unknown"}


def test_a_turn_without_training_shows_the_latest_training() -> None:
    told = manifest()
    quiet = told.turns[0].model_copy(update={"number": 2, "updates": (), "judgement": None})
    later = told.model_copy(update={"turns": (*told.turns, quiet)})
    assert len(status.content(later, 0)["updates"]) == 2  # type: ignore[arg-type]
    assert status.content(later, 0)["judgement"] is None
    bare = told.model_copy(update={"turns": ()})
    assert status.content(bare, 0)["updates"] == []
    assert "Candidate against current" not in shown(bare, 0)


def test_a_broker_that_does_not_answer_leaves_the_lag_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status, "LAG_SECONDS", 1.0)
    monkeypatch.setenv("AOI_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    assert status.lag({}) is None


def test_the_command_prints_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    done = CliRunner().invoke(learn.app, ["status", "--json"])
    assert json.loads(done.output) == {
        "checkpoint": None,
        "lag": "unknown",
        "running": {"learner": None, "ray": None},
    }
    assert "no checkpoint yet" in CliRunner().invoke(learn.app, ["status"]).output


def test_neither_torch_nor_ray_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    with Checkpoints(tmp_path / "learner" / "checkpoints") as checkpoints:
        checkpoints.save(manifest(3).model_copy(update={"epoch": checkpoints.epoch}))
    done = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    told, loaded = done.stdout.splitlines()
    assert json.loads(told)["checkpoint"]["number"] == 3
    assert json.loads(told)["lag"] == "unknown"
    assert loaded == "[]"
