"""Runs one typed command on the cluster: reads here, writes behind one door.

Invariant: a verb that is in neither table fails in kubectl's words; reads never change state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agents.environments.protocol import Output
from agents.environments.simulated.kubectl import helmshell, information, inside, rollout, writes
from agents.environments.simulated.kubectl.describe import describe
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.eventlist import events
from agents.environments.simulated.kubectl.get import get
from agents.environments.simulated.kubectl.logs import logs_of

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

Handler = Callable[["Cluster", "Command"], str]

READS: dict[str, Handler] = {
    "get": get,
    "describe": describe,
    "logs": logs_of,
    "events": events,
    "top": information.top,
    "version": information.version,
    "api-resources": information.api_resources,
    "cluster-info": information.cluster_info,
    "config view": information.config_view,
    "auth can-i": information.can_i,
    "explain": information.explain,
    "rollout status": rollout.status,
    "rollout history": rollout.history,
    "exec": inside.run,
    "wait": rollout.wait,
}
SECONDS: dict[str, float] = {
    "exec": 2.0,
    "top": 2.0,
    "describe": 1.0,
    "rollback": 2.0,
    "upgrade": 2.0,
}
"""Virtual seconds that a verb costs, 1 unless listed."""


def read(cluster: Cluster, command: Command) -> Output:
    """Run a read command at the present moment; time is the caller's to move."""
    table = helmshell.READS if command.program == "helm" else READS
    return _run(cluster, command, table.get(command.verb))


def write(cluster: Cluster, command: Command) -> Output:
    """Run a write command and let the controllers work at the same moment."""
    output = _run(cluster, command, writer_of(command))
    cluster.settle()
    return output


def writer_of(command: Command) -> Handler | None:
    """Return what does a write command, None when there is no such verb."""
    table = helmshell.WRITES if command.program == "helm" else writes.WRITES
    return table.get(command.verb)


def cost_of(command: Command) -> float:
    """Return the virtual seconds that a command takes."""
    return SECONDS.get(command.verb, 1.0)


def _run(cluster: Cluster, command: Command, handler: Handler | None) -> Output:
    if handler is None:
        text = f'error: unknown command "{command.verb}" for "{command.program}"\n'
        return Output(text=text, exit_code=1, seconds=cost_of(command))
    try:
        text, code = handler(cluster, command), 0
    except CommandFailed as failure:
        text, code = failure.text.rstrip("\n") + "\n", failure.exit_code
    return Output(text=text, exit_code=code, seconds=cost_of(command))
