"""Processes whose memory grows while a flag is on, until the kernel ends them.

Invariant: a process leaks from the moment at which its flag is on; when it will be killed is
decided once, as its EXIT timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import Effect
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.controllers.process import Timer
from agents.environments.simulated.flags import active, switched_on, total
from agents.environments.simulated.objects.quantity import mebibytes

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun

_OOM_EXIT = 137


def rate_of(cluster: Cluster, run: PodRun) -> float:
    """Return the MiB a minute that a pod's process leaks now."""
    program = run.life.program if run.life else None
    if program is None or not (program.flags or cluster.hidden_flags):
        return 0.0
    return total(active(cluster, program, switched_on(cluster)), Effect.LEAK)


def leaked(cluster: Cluster, run: PodRun) -> float:
    """Return the MiB that a pod's process has leaked so far."""
    life = run.life
    if life is None or life.leaking is None:
        return 0.0
    return rate_of(cluster, run) * (cluster.now - life.leaking) / MINUTE


def watch(cluster: Cluster) -> None:
    """Begin or end the leaks that flags make."""
    for run in cluster.runs.values():
        life = run.life
        if life is None or life.program is None:
            continue
        if not (life.program.flags or cluster.hidden_flags or life.leaking is not None):
            continue
        rate = rate_of(cluster, run)
        if rate and life.leaking is None:
            life.leaking = cluster.now
            limits = (run.pod["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
            if "memory" in limits:
                room = max(0.0, mebibytes(limits["memory"]) - life.program.memory)
                run.timers[Timer.EXIT] = cluster.now + room / rate * MINUTE
                life.exit_code, life.reason = _OOM_EXIT, "OOMKilled"
        elif not rate and life.leaking is not None:
            life.leaking = None
            run.timers.pop(Timer.EXIT, None)
            life.exit_code, life.reason = 0, ""
