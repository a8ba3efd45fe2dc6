"""Augment: an incident with a known way becomes other ones, each different in one respect.

Invariant: variants are of families that training may see; nothing of a trajectory is copied, a
variant is a reference from which the lab draws an incident of its own.
"""

from enum import StrEnum

from agents.environments.simulated.faults.registry import FAMILIES
from learner.evolver.grounds import trainable_families
from learner.incidents import Drawn


class Respect(StrEnum):
    """In what a variant differs.

    cause: another family with the same labels. layer: a family of another system level. scope:
    another kind of application. time: the same family at another moment and service.
    """

    CAUSE = "cause"
    LAYER = "layer"
    SCOPE = "scope"
    TIME = "time"


def variants(drawn: Drawn, *, first: int) -> dict[Respect, Drawn]:
    """Return the variants of an incident that can be solved, with the seeds first, first + 1, ...

    There is none of a family that training may not see.
    """
    families = trainable_families()
    if drawn.family not in families:
        return {}
    level = FAMILIES[drawn.family].system_level
    others = [name for name in families if name != drawn.family]
    alike = [name for name in others if FAMILIES[name].system_level == level]
    unlike = [name for name in others if FAMILIES[name].system_level != level]
    fresh = drawn.model_copy(update={"healthy": None, "split": "B"})
    scope = "procedural" if drawn.application == "hotel" else "hotel"
    changes: dict[Respect, dict[str, object]] = {
        Respect.CAUSE: {"family": alike[first % len(alike)]} if alike else {},
        Respect.LAYER: {"family": unlike[first % len(unlike)]} if unlike else {},
        Respect.SCOPE: {"application": scope},
        Respect.TIME: {"application": drawn.application},
    }
    return {
        respect: fresh.model_copy(update=change | {"seed": first + number})
        for number, (respect, change) in enumerate(changes.items())
        if change
    }
