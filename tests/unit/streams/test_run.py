"""SIGTERM ends a process of roles in bounded time, also where a role does not stop."""

import subprocess
import sys
import time

import pytest

PROCESS = """
import asyncio, os, signal, sys, time
import faust
from streams import run
from streams.health import HealthSettings
from streams.logging import configure

run.STOP_SECONDS = float(sys.argv[2])


class App(faust.App):
    def on_init_dependencies(self):
        return []

    async def on_start(self):
        os.kill(os.getpid(), signal.SIGTERM)
        if sys.argv[1] == "blocks":
            time.sleep(30)
        await asyncio.sleep(0)

    async def on_stop(self):
        if sys.argv[1] == "waits":
            await asyncio.sleep(30)


configure()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
app = App("one", autodiscover=False, web_enabled=False)
sys.exit(run.run_apps([app], loop, HealthSettings()))
"""


def ended(role: str, seconds: float) -> tuple[int, str, float]:
    """Return exit code, output and duration of a process told to stop once it has started."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, role, str(seconds)],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begun


@pytest.mark.parametrize("role", ["waits", "blocks"])
def test_a_role_that_does_not_stop_is_ended_hard(role: str) -> None:
    code, told, seconds = ended(role, 0.3)
    assert (code, "ended hard" in told) == (1, True), told
    assert seconds < 20


def test_a_role_that_stops_in_time_is_not() -> None:
    code, told, _ = ended("stops", 20)
    assert (code, "ended hard" in told) == (0, False), told
