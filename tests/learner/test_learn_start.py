"""`aoi learn start|stop` around a driver: started once, told of, ended with time for its work."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from agents.contracts.model import ModelPromoted
from deploy.cli import _learn_cluster, learn
from deploy.embedded.demo.learning import MARK
from deploy.embedded.errors import LearnerNotStarted
from deploy.embedded.learner_process import LearnerProcess
from learner.checkpoint import Checkpoints, WriterBusy, latest
from learner.manifest import Decision, Ingested, Manifest
from learner.models import ModelRef
from learner.ray_session import RayUnreachable

DRIVER = """
import os, signal, sys, time
if os.environ["RAY_ADDRESS"] == "refuse":
    sys.exit("no rights on the failures")
def told(*_):
    open(os.environ["AOI_STATE_DIR"] + "/checkpoint", "w").write("whole")
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
home = os.environ["AOI_STATE_DIR"] + "/learner"
os.makedirs(home, exist_ok=True)
open(home + "/progress.json", "w").close()
print("ready", flush=True)
while True:
    time.sleep(0.1)
"""
HERE = {"RAY_ADDRESS": "127.0.0.1:1000"}


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LearnerProcess]:
    """Give a driver that writes its checkpoint when it is asked to end."""
    (tmp_path / "a_driver.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path / "state"))
    found = LearnerProcess(tmp_path / "state", module="a_driver")
    yield found
    found.stop()


def ready(driver: LearnerProcess) -> int:
    while "ready" not in driver.log.read_text():
        assert driver.running() is not None
    running = driver.running()
    assert running is not None
    return running.process.pid


def test_a_driver_is_started_once_and_ends_with_its_checkpoint(driver: LearnerProcess) -> None:
    assert driver.start(HERE, first_s=0)
    number = ready(driver)
    assert not driver.start(HERE, first_s=0)
    assert ready(driver) == number
    assert os.getsid(number) == number
    assert driver.stop()
    assert not psutil.pid_exists(number)
    assert (driver.state_dir / "checkpoint").read_text() == "whole"
    assert not driver.stop()


def test_a_driver_that_ends_at_once_is_told_with_its_log(driver: LearnerProcess) -> None:
    with pytest.raises(LearnerNotStarted, match="no rights on the failures"):
        driver.start({"RAY_ADDRESS": "refuse"}, first_s=10)
    assert driver.running() is None


def test_a_driver_on_another_ray_is_not_replaced(driver: LearnerProcess) -> None:
    driver.start(HERE, first_s=0)
    with pytest.raises(LearnerNotStarted, match="aoi learn stop"):
        driver.start({"RAY_ADDRESS": "127.0.0.1:2000"}, first_s=0)
    assert driver.running() is not None


def test_a_driver_that_was_killed_is_not_running_and_starts_again(driver: LearnerProcess) -> None:
    driver.start(HERE, first_s=0)
    victim = psutil.Process(ready(driver))
    victim.kill()
    psutil.wait_procs([victim], timeout=5)
    assert driver.running() is None
    assert driver.start(HERE, first_s=0)


def test_the_command_joins_a_ray_and_touches_it_not(
    driver: LearnerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _learn_cluster, "LearnerProcess", lambda state: LearnerProcess(state, module="a_driver")
    )
    monkeypatch.setenv("AOI_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as somebody_s:
        address = f"127.0.0.1:{somebody_s.getsockname()[1]}"
        monkeypatch.setenv("AOI_LEARN__RAY_ADDRESS", address)
        told = CliRunner().invoke(learn.app, ["start"])
    assert told.exit_code == 0, told.output
    assert f"Ray: {address}, kept by somebody else" in told.stdout
    assert f"learner: process {ready(driver)}, log {driver.log}" in told.stdout
    assert "aoi learn status" in told.stdout
    assert not (driver.state_dir / "ray").exists()
    told = CliRunner().invoke(learn.app, ["stop"])
    assert "learner: stopped\nRay: was not running" in told.stdout


def test_the_command_tells_that_nobody_answers(
    driver: LearnerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    told = CliRunner().invoke(learn.app, ["start", "--address", "127.0.0.1:1"])
    assert isinstance(told.exception, RayUnreachable)


def test_stop_of_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    told = CliRunner().invoke(learn.app, ["stop"])
    assert told.exit_code == 0
    assert "learner: was not running\nRay: was not running" in told.stdout


@pytest.mark.parametrize("argv", [["learn", "start"], ["broker", "start"], ["--help"]])
def test_no_command_loads_ray_to_be_shown(argv: list[str]) -> None:
    code = (
        f"import sys; from deploy.cli import main; main.build({argv!r});"
        "print({'ray', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_reset_forgets_where_the_learner_stood_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    folder = tmp_path / "learner" / "checkpoints"
    said = CliRunner().invoke(learn.app, ["reset"])
    assert said.exit_code == 0 and "no checkpoint yet" in said.output
    known = {"i/0": Ingested(pattern="p", decision=Decision.DROPPED, reason="leaks", turn=4)}
    current = ModelRef(model_id="m@1", location="/m", digest=f"sha256:{'0' * 64}")
    written = Manifest(
        number=4,
        epoch=2,
        written_at=datetime(2026, 1, 1, tzinfo=UTC),
        offsets={0: 7},
        watch_offsets={1: 9},
        ingested=known,
        current=current,
    )
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(written)
        busy = CliRunner().invoke(learn.app, ["reset"])
        assert isinstance(busy.exception, WriterBusy)
    assert CliRunner().invoke(learn.app, ["reset"]).exit_code == 0
    found = latest(folder)
    assert found is not None
    assert (found[1].number, found[1].offsets, found[1].watch_offsets) == (5, {}, {})
    assert found[1].ingested == known and found[1].current == current
    assert found[1].outbox == ()

    promoted = found[1].model_copy(update={"promoted_at": datetime(2026, 1, 1, tzinfo=UTC)})
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(promoted.model_copy(update={"number": 6}))
    assert CliRunner().invoke(learn.app, ["reset"]).exit_code == 0
    found = latest(folder)
    assert found is not None
    (owed,) = found[1].outbox
    fact = owed.event("aoi/learner").fact
    assert isinstance(fact, ModelPromoted) and fact.model_id == current.model_id
    unpromoted = found[1].model_copy(update={"number": 8, "promoted_at": None})
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(unpromoted)
    assert CliRunner().invoke(learn.app, ["reset"]).exit_code == 0
    last = latest(folder)
    assert last is not None and last[1].outbox == (owed,)


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_demo_that_learns_is_left_alone(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    (tmp_path / MARK).touch()
    with (tmp_path / "stack.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = CliRunner().invoke(learn.app, [command])
    assert done.exit_code != 0 and "a demo is learning" in done.output
