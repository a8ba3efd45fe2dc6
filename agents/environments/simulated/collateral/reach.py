"""Whose objects a repair may rewrite: those of the faulty components, or everybody's.

Invariant: a component out of reach has to be as it was; one in reach has to be as well guarded,
as well fed and as well kept as before, in whatever way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.environments.simulated.incidents import GroundTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """names: components at fault. anyone: nobody knows who is, and the base itself is broken.

    anew: the fault deployed everything anew, so what was set since the first time is gone with it.
    """

    names: frozenset[str] = frozenset()
    anyone: bool = False
    anew: bool = False

    def __contains__(self, name: str) -> bool:
        """Return whether a repair may rewrite a component's objects."""
        return self.anyone or self.anew or name in self.names


ANYONE = Reach(anyone=True)
_DEPLOYS_ANEW = "redeploy_without_PV"


def reach_of(truth: GroundTruth) -> Reach:
    """Return the reach of an incident's repairs: its services and whom the benchmark accepts."""
    found: set[str] = set()
    for one in (truth, *truth.also):
        found |= {one.service or "", *one.accepted}
    return Reach(names=frozenset(found - {""}), anew=truth.family == _DEPLOYS_ANEW)
