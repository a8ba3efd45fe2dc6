"""What tells one set of weights from another: the SHA-256 over a checkpoint's safetensors.

Invariant: the digest is over the bytes of the files in the order of their names, so that what
serves can be told from what was judged. The tokenizer beside them is not part of it.
"""

import hashlib
from pathlib import Path

from agents.contracts.ids import ModelId

PREFIX = "sha256:"
SHORT = 12
CHUNK_BYTES = 1 << 20


def digest_of(folder: Path) -> str:
    """Return `sha256:<64 hex digits>`. Raises FileNotFoundError without weights."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"expected *.safetensors in {folder}, found none")
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                digest.update(chunk)
    return f"{PREFIX}{digest.hexdigest()}"


def id_of(folder: Path, digest: str) -> ModelId:
    """Return `<folder>@<first 12 digits of the digest>`: how a local model tells its identity."""
    return ModelId(f"{folder.resolve().name}@{digest.removeprefix(PREFIX)[:SHORT]}")
