"""Whether the stores that an eager process asks at its start take it, and what it says if not.

Invariant: the same network checks as traffic's; a process that gives up says why in its own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import STORES
from agents.environments.simulated.network import (
    Obstacle,
    address_of,
    backends,
    find_service,
    obstacle_at,
)

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Call
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun
    from agents.environments.simulated.network import Address

_AT_ONCE = (Obstacle.ACCOUNT, Obstacle.ROLE, Obstacle.TLS)


def refusal(cluster: Cluster, run: PodRun, *, patient: bool) -> str | None:
    """Return what the process says when it gives up, or None.

    patient: only for what waiting won't mend, a refusal by the store itself.
    """
    life = run.life
    if life is None or life.program is None or not life.program.eager:
        return None
    protocols = {c.name: c.program.protocol for c in cluster.application.components}
    for call in life.program.calls:
        if not call.critical or protocols[call.target] not in STORES:
            continue
        address = address_of(call, life.environment)
        obstacle = _obstacle(cluster, run, address, call)
        if obstacle is not None and (not patient or obstacle in _AT_ONCE):
            return _words(life.environment, call, address, obstacle)
    return None


def _obstacle(cluster: Cluster, run: PodRun, address: Address, call: Call) -> Obstacle | None:
    service = find_service(cluster, address.host)
    if service is None:
        return Obstacle.NO_HOST
    by_address = {other.address: other for other in cluster.runs.values() if other.address}
    behind = backends(cluster, service, address.port, by_address)
    found = [obstacle_at(cluster, run, target, port, call) for target, port in behind]
    if not found:
        return Obstacle.REFUSED
    return None if None in found else found[0]


def _words(environment: dict[str, str], call: Call, address: Address, obstacle: Obstacle) -> str:
    """Return a Go service's last words (mgo's error texts), as HotelReservation panics."""
    user = environment.get(call.user_variable or "") or call.user or ""
    text = {
        Obstacle.ACCOUNT: f"server returned error on SASL authentication step: Authentication "
        f"failed. (user {user} at {address})",
        Obstacle.ROLE: f"not authorized on {call.database} to execute command "
        f'{{ count: "{call.target.rpartition("-")[2]}", $db: "{call.database}" }}',
        Obstacle.TLS: f"connection to {address} closed: the server only accepts TLS",
    }.get(obstacle, f"no reachable servers ({address})")
    return f"panic: {text}\n\ngoroutine 1 [running]:\nmain.main()\n\t/workspace/main.go:57 +0x5a5"
