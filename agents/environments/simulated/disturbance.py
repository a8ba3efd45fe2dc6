"""What happens to a lab beside its objects: disturbances of the network, and what is planned.

Invariant: a plan's deed is data (a function of a module and its arguments), so that a frozen lab
goes on as it would have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster

DEADLINE_MS = 1000.0
"""Callers give up after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """A component's pods lose packets (`loss`, a share) or get them late (`delay`, ms)."""

    component: str
    loss: float = 0.0
    delay: float = 0.0

    @property
    def cuts(self) -> bool:
        """Whether no request gets through before its caller gives up."""
        return self.loss > 0.5 or self.delay >= DEADLINE_MS  # noqa: PLR2004 - TCP stalls


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Something that will happen at a moment by itself."""

    due: float
    deed: Callable[[Cluster], None]


def plan(cluster: Cluster, due: float, deed: Callable[[Cluster], None]) -> None:
    """Let something happen at `due`; equal moments keep their order."""
    cluster.agenda.append(Planned(due=due, deed=deed))
    cluster.agenda.sort(key=lambda item: item.due)


def disturb(cluster: Cluster, disturbance: Disturbance) -> None:
    """Begin a disturbance."""
    cluster.disturbances.append(disturbance)
    cluster.remeasure()


def calm(cluster: Cluster, disturbance: Disturbance) -> None:
    """End a disturbance."""
    cluster.disturbances.remove(disturbance)
    cluster.remeasure()
