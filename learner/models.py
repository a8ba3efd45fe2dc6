"""Checkpoints by reference: an id, a folder and the digest of its weights.

Invariant: the digest is the one that serving verifies (`agents/models/digest.py`), so that what
serves can be told from what was judged.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from agents.models.digest import digest_of, id_of


class ModelRef(BaseModel):
    """One checkpoint. location: a folder in Hugging Face's layout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str
    location: str
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.location)


def reference_of(folder: Path) -> ModelRef:
    """Return the reference of a checkpoint. Raises FileNotFoundError without weights.

    Its id is `<folder>@<first 12 digits of the digest>`, as the local model tells it of itself.
    """
    digest = digest_of(folder)
    return ModelRef(model_id=id_of(folder, digest), location=str(folder.resolve()), digest=digest)
