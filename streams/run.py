"""Runs several roles in one process, each a Faust app with a group and a login of its own.

Invariant: a role whose rights or files are missing stops the process before any role has started;
SIGTERM lets every role finish what is under way, for 30 s: then the process ends as it stands, so
that none outlives its parent while the broker is away. Exit codes: 0 stopped, 1 failed or ended
hard (a broker that does not answer too: again may help), 2 not started for want of settings or
rights.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import faust
import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from agents.roles import Role
from agents.settings import Places
from agents.worker import AoiError, Transient
from streams import settings_fault, wiring
from streams.app import RoleApp
from streams.health import Health, HealthSettings
from streams.logging import configure

STOPPED, FAILED, NOT_STARTED = 0, 1, 2
STOP_SECONDS = 30.0
TELL_SECONDS = 1.0

log = structlog.get_logger(__name__)


class RolesWorker(faust.Worker):
    """Faust's worker, which after SIGTERM has `STOP_SECONDS` to stop."""

    def install_signal_handlers(self) -> None:
        """Let SIGTERM start the countdown beside the orderly stop.

        asyncio reads signals from its wake-up pipe, so this handler takes nothing from it; it runs
        even while something blocks the loop.
        """
        super().install_signal_handlers()
        signal.signal(signal.SIGTERM, _count_down)
        signal.siginterrupt(signal.SIGTERM, False)


def _count_down(number: int, frame: FrameType | None) -> None:
    del number, frame
    timer = threading.Timer(STOP_SECONDS, _end_hard)
    timer.daemon = True
    timer.start()


def _end_hard() -> None:
    """End the process; the message goes by a thread, since a stuck one may hold the log's lock."""
    message = "ended hard: the roles did not stop in time"
    telling = threading.Thread(
        target=log.critical, args=(message,), kwargs={"seconds": STOP_SECONDS}, daemon=True
    )
    telling.start()
    telling.join(TELL_SECONDS)
    os._exit(FAILED)


def run_roles(
    roles: Sequence[Role], *, places: Places | None = None, health: HealthSettings | None = None
) -> int:
    """Run roles until SIGTERM, SIGINT or a failure, and return the process's exit code."""
    configure()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        apps = [wiring.app_of(role, places) for role in roles]
    except (AoiError, ValidationError, SettingsError) as error:
        text = str(error) if isinstance(error, AoiError) else settings_fault.told(error)
        log.critical("not started", error=text)
        print(f"not started: {text}", file=sys.stderr)  # noqa: T201 - the answer to the caller
        return FAILED if isinstance(error, Transient) else NOT_STARTED
    return run_apps(apps, loop, health or HealthSettings())


def run_apps(
    apps: Sequence[RoleApp], loop: asyncio.AbstractEventLoop, health: HealthSettings
) -> int:
    """Run apps that are built already."""
    services = []
    if health.port is not None:
        services.append(
            Health(health, lambda: {app.role: app.host.ready for app in apps}, lambda: notes(apps))
        )
    first, *others = apps
    worker = RolesWorker(
        first,
        *others,
        *services,
        loop=loop,
        quiet=True,
        override_logging=False,
        redirect_stdouts=False,
    )
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return STOPPED if not end.code else FAILED
    except Exception as error:  # noqa: BLE001 - whatever a role raised, told as an exit code
        log.critical("stopped by a failure", error=repr(error))
        return FAILED


def notes(apps: Sequence[RoleApp]) -> dict[str, str]:
    """Return what is wrong with roles that are ready all the same: a refused edit, a pause."""
    found: dict[str, str] = {}
    for app in apps:
        told = [getattr(one, "note", None) for one in app.companions]
        if text := "; ".join(str(note) for note in told if note is not None):
            found[str(app.role)] = text
    return found


def main(names: Sequence[str]) -> int:
    """Run the roles that are named: `python -m streams.run observer gate`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_roles([Role(name) for name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
