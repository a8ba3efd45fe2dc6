"""A process is ours only if pid, start time and command line agree; nothing else is signalled."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.embedded import process
from deploy.embedded.process import ProcessRecord

SLEEPER = "import time; time.sleep(60)"
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)"
)


def start(tmp_path: Path, code: str = SLEEPER) -> ProcessRecord:
    argv = [sys.executable, "-c", code, str(tmp_path)]
    return process.spawn(argv, marker=str(tmp_path), log=tmp_path / "log", env=dict(os.environ))


def test_a_started_process_is_found_and_ended(tmp_path: Path) -> None:
    record = start(tmp_path)
    assert process.find(record) is not None
    assert process.end(record, grace_s=5)
    assert process.find(record) is None
    assert not process.end(record, grace_s=5)
    assert not psutil.pid_exists(record.pid)


def test_a_process_that_ended_by_itself_is_not_running(tmp_path: Path) -> None:
    record = start(tmp_path)
    os.kill(record.pid, signal.SIGKILL)
    psutil.Process(record.pid).wait(5)
    assert process.find(record) is None


def test_a_deaf_process_is_killed_after_the_grace(tmp_path: Path) -> None:
    record = start(tmp_path, DEAF)
    while "deaf" not in (tmp_path / "log").read_text():
        assert process.find(record)
    assert process.end(record, grace_s=0.3)
    assert not psutil.pid_exists(record.pid)


@pytest.mark.parametrize(
    "other", [{"created": 1.0}, {"marker": "/another/state"}], ids=["start time", "command line"]
)
def test_a_reused_pid_is_never_signalled(tmp_path: Path, other: dict[str, object]) -> None:
    record = start(tmp_path)
    try:
        stale = record.model_copy(update=other)
        assert process.find(stale) is None
        assert not process.end(stale, grace_s=1)
        assert process.find(record) is not None
    finally:
        process.end(record, grace_s=5)


def test_what_a_killed_leader_left_is_found_by_its_folder_and_ended(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])"
    code = f"import os; os.chdir({str(tmp_path)!r}); {child}; {SLEEPER}"
    record = start(tmp_path, code)
    while len(process.session(record, tmp_path)) < 2:
        assert process.find(record)
    members = process.session(record, tmp_path)
    os.kill(record.pid, signal.SIGKILL)
    psutil.Process(record.pid).wait(5)
    assert process.session(record, tmp_path / "another") == []
    assert not process.end_session(record, tmp_path / "another", grace_s=5)
    assert process.end_session(record, tmp_path, grace_s=5)
    assert [one for one in members if one.is_running()] == []
    assert not process.end_session(record, tmp_path, grace_s=5)
