"""A child process that outlives its starter, and is never mistaken for another.

Invariant: a process counts as ours only if its pid, its start time and its command line agree with
the record; nothing is signalled otherwise. It leads a session of its own, so a Ctrl-C of the
starter does not reach it and a kill reaches all of its children.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

START_TOLERANCE_S = 2.0
"""Start times are counted from the boot time, which moves when the clock is set."""
EXEC_POLLS, EXEC_POLL_S = 100, 0.01
"""How long a program may take to replace itself (Java does, when it starts)."""


class ProcessRecord(BaseModel):
    """What identifies a started process. `created` is in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    created: float
    marker: str


def spawn(argv: Sequence[str], *, marker: str, log: Path, env: Mapping[str, str]) -> ProcessRecord:
    """Start a program in a session of its own, with its output appended to a log.

    `marker` is one of its arguments, by which it is recognised later.
    """
    if marker not in argv:
        raise ValueError(f"expected the marker {marker!r} among the arguments")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        dict(env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return ProcessRecord(pid=pid, created=psutil.Process(pid).create_time(), marker=marker)


def find(record: ProcessRecord) -> psutil.Process | None:
    """Return the live process of a record, or none if it has ended or the pid is another's."""
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait(timeout=0)
            return None
        same = abs(process.create_time() - record.created) < START_TOLERANCE_S
        return process if same and record.marker in _words(process) else None
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.TimeoutExpired):
        return None


def _words(process: psutil.Process) -> list[str]:
    """Return the arguments; they read as none for a moment while a program replaces itself."""
    for _ in range(EXEC_POLLS):
        words = process.cmdline()
        if words:
            return words
        time.sleep(EXEC_POLL_S)
    return []


def end(record: ProcessRecord, *, grace_s: float) -> bool:
    """Ask a process to end, kill its group after the grace period; false if it had ended."""
    process = find(record)
    if process is None:
        return False
    process.terminate()
    try:
        process.wait(timeout=grace_s)
    except psutil.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(record.pid, signal.SIGKILL)
        process.wait(timeout=grace_s)
    return True


def session(record: ProcessRecord, home: Path) -> list[psutil.Process]:
    """Return the live processes of the session that a process led, also after its own end.

    They count as ours if the leader is alive, or if one of them works in `home`: the kernel does
    not hand a session's number out again while a process of it lives, but it does later.
    """
    found = [process for process in psutil.process_iter() if _belongs(process, record)]
    ours = find(record) is not None or any(_cwd(process) == home for process in found)
    return found if ours else []


def end_session(record: ProcessRecord, home: Path, *, grace_s: float) -> bool:
    """End a process and whatever is left of its session; false if all of it had ended."""
    ended = find(record) is not None and end(record, grace_s=grace_s)
    left = session(record, home)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=grace_s)
    return ended or bool(left)


def _belongs(process: psutil.Process, record: ProcessRecord) -> bool:
    try:
        return (
            os.getsid(process.pid) == record.pid
            and process.status() != psutil.STATUS_ZOMBIE
            and process.create_time() > record.created - START_TOLERANCE_S
        )
    except (OSError, psutil.Error):
        return False


def _cwd(process: psutil.Process) -> Path | None:
    try:
        return Path(process.cwd())
    except psutil.Error:
        return None
