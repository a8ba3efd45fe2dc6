"""Runs processes side by side, starts a zone again when it dies, and leaves none behind.

A program that ends with exit code 2 says that it cannot start as it is set up, and is left ended.

Invariant: each child leads a process group of its own and dies with this process, however this
process dies; `stop` returns only when every group is gone.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 8.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
NOT_STARTED = 2
"""The exit code of a program that lacks settings or rights: starting it again changes nothing."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One child: a Python module with its arguments, its environment and its log."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path
    restart: bool = True


class Supervisor:
    """Keeps programs running until it is stopped."""

    def __init__(self) -> None:
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self.restarts: dict[str, int] = {}

    async def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        process = await _spawned(program)
        self._processes[program.name] = process
        self._keepers[program.name] = asyncio.create_task(
            self._keep(program, process), name=f"keep-{program.name}"
        )

    def alive(self) -> list[str]:
        """Return the names of the programs that run."""
        return [name for name, p in self._processes.items() if p.returncode is None]

    def pid(self, name: str) -> int:
        """Return the process id of a program."""
        return self._processes[name].pid

    async def ended(self, name: str) -> int:
        """Wait for the end of a program that is not started again; returns its exit code."""
        return await self._processes[name].wait()

    async def end(self, name: str) -> None:
        """End one program, as `stop` ends all."""
        keeper = self._keepers.pop(name)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await _ended(self._processes.pop(name))

    async def stop(self) -> None:
        """End every child: SIGTERM to its group, SIGKILL after the grace period."""
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        await asyncio.gather(*(_ended(process) for process in self._processes.values()))
        self._keepers.clear()
        self._processes.clear()

    async def _keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            code = await process.wait()
            if code == NOT_STARTED:
                reason = await asyncio.to_thread(_last_line, program.log)
                log.error(
                    "program_not_started",
                    program=program.name,
                    reason=reason,
                    log=str(program.log),
                )
                return
            if code == 0 and not program.restart:
                return
            log.warning("program_ended", program=program.name, code=code, log=str(program.log))
            if not program.restart:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self.restarts[program.name] = self.restarts.get(program.name, 0) + 1
            process = await _spawned(program)
            self._processes[program.name] = process


def _last_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


async def _spawned(program: Program) -> asyncio.subprocess.Process:
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            program.module,
            *program.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **program.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent is gone (Linux; elsewhere nothing happens)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
