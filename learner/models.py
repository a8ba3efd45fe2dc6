"""Checkpoints by reference: an id, a folder and the digest of its weights.

Invariant: the digest is over the bytes of the weights, so that what serves can be told from what
was judged.
"""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


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
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"expected *.safetensors in {folder}, found none")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    found = digest.hexdigest()
    resolved = folder.resolve()
    return ModelRef(
        model_id=f"{resolved.name}@{found[:12]}",
        location=str(resolved),
        digest=f"sha256:{found}",
    )
