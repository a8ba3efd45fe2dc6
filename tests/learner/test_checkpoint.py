"""Checkpoints: whole or not at all, one writer, and what a crash leaves is no checkpoint."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import EventId, GuidanceId
from agents.contracts.incident import Task
from learner.checkpoint import Checkpoints, Damaged, Fenced, WriterBusy, latest, numbered
from learner.manifest import Decision, Ingested, Manifest, Owed
from learner.models import ModelRef

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = ModelRef(model_id="m@1", location="models/m", digest="sha256:" + "0" * 64)


def manifest(number: int, epoch: int = 1) -> Manifest:
    return Manifest(number=number, epoch=epoch, written_at=NOW, current=MODEL, offsets={3: number})


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    event = Event(
        id=EventId("e"),
        source="aoi/learner",
        time=NOW,
        key="signature",
        fact=GuidancePublished(
            guidance_id=GuidanceId("g"),
            signature="signature",
            task=Task.MITIGATION,
            symptoms=("error",),
            steps=("kubectl get pods",),
            proved=True,
            expires=NOW,
        ),
    )
    ingested = Ingested(pattern="wrong_fix", decision=Decision.CORRECTED, reason="proved", turn=1)
    given = manifest(1).model_copy(
        update={"outbox": (Owed.of(event),), "ingested": {"i/0": ingested}}
    )
    with Checkpoints(tmp_path) as checkpoints:
        folder = checkpoints.save(given, lambda draft: (draft / "x").write_bytes(b"1") and None)
        assert (folder / "x").read_bytes() == b"1"
    found = latest(tmp_path)
    assert found is not None
    assert found[1] == given
    assert found[1].outbox[0].event("aoi/learner") == event
    assert found[1].by_pattern() == {"wrong_fix": 1}
    assert found[1].by_reason(Decision.CORRECTED) == {"proved": 1}


def test_the_newest_counts_and_old_ones_go(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        for number in range(6):
            checkpoints.save(manifest(number))
    found = latest(tmp_path)
    assert found is not None
    assert found[1].number == 5
    assert len(numbered(tmp_path)) == 3


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with (
        Checkpoints(tmp_path),
        pytest.raises(WriterBusy, match="aoi learn stop"),
        Checkpoints(tmp_path),
    ):
        pass


def test_a_writer_that_was_taken_over_is_fenced(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as old:
        (tmp_path / "epoch").write_text(str(old.epoch + 1))
        with pytest.raises(Fenced, match="taken over"):
            old.save(manifest(1))
    assert latest(tmp_path) is None


def test_a_failure_while_filling_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    def fails(_: Path) -> None:
        raise OSError("disk full")

    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(manifest(1))
        with pytest.raises(OSError, match="disk full"):
            checkpoints.save(manifest(2), fails)
    found = latest(tmp_path)
    assert found is not None
    assert found[1].number == 1


def test_a_damaged_manifest_is_told_and_named(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        folder = checkpoints.save(manifest(1))
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(Damaged, match="000001"):
        latest(tmp_path)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from tests.learner.test_checkpoint import manifest
from learner.checkpoint import Checkpoints
with Checkpoints(Path(sys.argv[1])) as checkpoints:
    checkpoints.save(manifest(1, checkpoints.epoch))
    checkpoints.save(manifest(2), lambda draft: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_kill_while_writing_leaves_the_checkpoint_before_and_no_draft(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert any(tmp_path.glob(".draft-*"))
    with Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.latest()
        assert found is not None
        assert (found[1].number, checkpoints.epoch) == (1, 2)
        assert not any(tmp_path.glob(".draft-*"))
