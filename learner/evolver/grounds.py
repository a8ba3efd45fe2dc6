"""Proving grounds: where a failed incident can be run again, and which of them may be trained on.

Invariant: a ground is a lab; what it doesn't know is never proved. Families of splits C and D make
no curriculum, whoever asks.
"""

from pathlib import Path
from typing import Protocol

import orjson
from pydantic import ValidationError

from agents.contracts.trajectory import TrajectoryRecord
from agents.environments.simulated.splits import families_of
from learner.incidents import Drawn

TRAINING_SPLIT = "B"


class Ground(Protocol):
    """Knows of which lab incident a trajectory tells."""

    def find(self, record: TrajectoryRecord) -> Drawn | None:
        """Return the incident, or None."""
        ...


class CatalogueGround:
    """A lab's own catalogue: a JSON file of namespaces and the fields of `Drawn`.

    It is read anew each time, because a lab adds to it. Without a file nothing is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, record: TrajectoryRecord) -> Drawn | None:
        """Return the incident of the record's namespace if it is there and of the same task."""
        try:
            listed = orjson.loads(self._path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        entry = listed.get(record.namespace) if isinstance(listed, dict) else None
        if entry is None:
            return None
        try:
            drawn = Drawn.model_validate(entry)
        except ValidationError:
            return None
        return drawn if drawn.task is record.task else None


def trainable_families() -> list[str]:
    """Return the families that training may see: A, and those that reinforcement adds."""
    return families_of(TRAINING_SPLIT)


def trainable(drawn: Drawn) -> bool:
    """Return whether an incident may be trained on."""
    return drawn.family in trainable_families()
