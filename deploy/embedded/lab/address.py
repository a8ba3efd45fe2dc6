"""What the lab tells the demo of itself, in one file that only its owner can read.

Invariant: it names namespaces by round and nothing of what is wrong in them; a lab of round two
stands at the same place in its round as the incident of round one that it is the sibling of.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Address(BaseModel):
    """Where the lab serves and what.

    url: the three handles. rounds_url: where later rounds are released, a door of its own.
    namespaces: those of every round, released or not. rounds: the same, by round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    rounds_url: str
    namespaces: tuple[str, ...]
    rounds: tuple[tuple[str, ...], ...]

    @classmethod
    def of_file(cls, file: Path) -> "Address":
        """Return what a lab wrote. Raises ValidationError for anything else."""
        return cls.model_validate_json(file.read_bytes())
