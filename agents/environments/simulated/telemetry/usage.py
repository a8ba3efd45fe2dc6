"""What the containers of a lab use of their nodes, as the metrics server would say.

Invariant: a function of the present state; a minute's readings vary by a tenth around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers.leaks import leaked
from agents.environments.simulated.dice import chance
from agents.environments.simulated.objects.quantity import mebibytes, millicores

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def usage(cluster: Cluster, pod: Manifest) -> tuple[int, int] | None:
    """Return what a pod uses now: (millicores, MiB); None while nothing runs."""
    run = cluster.runs.get(pod["metadata"]["uid"])
    life = run.life if run else None
    if run is None or life is None or life.program is None:
        return None
    uid = pod["metadata"]["uid"]
    traffic = cluster.epochs[-1].pods.get(uid) if cluster.epochs else None
    minute = int(cluster.now // 60)
    noise = 0.9 + 0.2 * chance(cluster.seed, "usage", uid, minute)
    work = life.program.idle + life.program.cost * (traffic.rate if traffic else 0.0)
    demand = (work + (traffic.burn if traffic else 0.0)) * noise
    limits = (pod["spec"]["containers"][0].get("resources") or {}).get("limits") or {}
    if "cpu" in limits:
        demand = min(demand, millicores(limits["cpu"]))
    memory = (life.program.memory + leaked(cluster, run)) * (0.97 + 0.03 * noise)
    if "memory" in limits:
        memory = min(memory, mebibytes(limits["memory"]))
    return max(1, round(demand)), max(1, round(memory))
