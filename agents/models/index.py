"""Where the weights of an id lie: a small file that outlives the topic's compaction.

Invariant: an id means one digest for ever, so an incident that pinned it gets the same weights
after any restart; the file is replaced as a whole. Several processes may share it: each writes
what it read and what it was told.
"""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.contracts.ids import ModelId
from agents.worker import Fatal


class Place(BaseModel):
    """A folder in Hugging Face's layout, and what `digest_of` must say of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


_PLACES = TypeAdapter(dict[ModelId, Place])


class Reassigned(Exception):
    """An id was offered with another digest than it has."""


class ModelIndex:
    """The places of the ids that were ever promoted; `path` None keeps them in memory only."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._places = self._read()

    def __contains__(self, model_id: ModelId) -> bool:
        return model_id in self._places

    def get(self, model_id: ModelId) -> Place | None:
        """Return the place of an id, or None."""
        return self._places.get(model_id)

    def put(self, model_id: ModelId, place: Place) -> None:
        """Keep a place; of weights that moved, the newer location. Raises Reassigned."""
        self._places = self._read() | self._places
        known = self._places.get(model_id)
        if known is not None and known.digest != place.digest:
            raise Reassigned(f"expected {model_id} to be {known.digest}, got {place.digest}")
        if known == place:
            return
        self._places[model_id] = place
        self._write()

    def _read(self) -> dict[ModelId, Place]:
        if self.path is None or not self.path.exists():
            return {}
        try:
            return _PLACES.validate_json(self.path.read_bytes())
        except ValidationError as error:
            raise Fatal(
                f"expected an index of models in {self.path}, got {error.error_count()} faults; "
                "restore it, or remove it once no open incident needs an older model"
            ) from error

    def _write(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with draft.open("wb") as file:
            file.write(_PLACES.dump_json(self._places, indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
