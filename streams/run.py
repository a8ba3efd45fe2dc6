"""Runs several roles in one process, each a Faust app with a group and a login of its own.

Invariant: a role whose rights or files are missing stops the process before any role has started;
SIGTERM lets every role finish what is under way. Exit codes: 0 stopped, 1 failed, 2 not started.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence

import faust
import structlog

from agents.roles import Role
from agents.settings import Places
from agents.worker import AoiError
from streams import wiring
from streams.app import RoleApp
from streams.health import Health, HealthSettings
from streams.logging import configure

STOPPED, FAILED, NOT_STARTED = 0, 1, 2

log = structlog.get_logger(__name__)


def run_roles(
    roles: Sequence[Role], *, places: Places | None = None, health: HealthSettings | None = None
) -> int:
    """Run roles until SIGTERM, SIGINT or a failure, and return the process's exit code."""
    configure()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        apps = [wiring.app_of(role, places) for role in roles]
    except AoiError as error:
        log.critical("not started", error=str(error))
        print(f"not started: {error}", file=sys.stderr)  # noqa: T201 - the answer to the caller
        return NOT_STARTED
    return run_apps(apps, loop, health or HealthSettings())


def run_apps(
    apps: Sequence[RoleApp], loop: asyncio.AbstractEventLoop, health: HealthSettings
) -> int:
    """Run apps that are built already."""
    services = []
    if health.port is not None:
        services.append(Health(health, lambda: {app.role: app.host.ready for app in apps}))
    first, *others = apps
    worker = faust.Worker(
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


def main(names: Sequence[str]) -> int:
    """Run the roles that are named: `python -m streams.run observer gate`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_roles([Role(name) for name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
