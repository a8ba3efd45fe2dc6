"""Large values by claim check: a content-addressed store in a folder or an object store.

Invariant: a reference names the SHA-256 of the bytes; `get` returns exactly those bytes or raises,
and a reader never sees half a value (local files are renamed into place, object stores put whole).
Values over `THRESHOLD` bytes travel by reference so that records and states stay small.
"""

import asyncio
import hashlib
import os
import re
from pathlib import Path
from uuid import uuid4

import fsspec
import zstandard
from fsspec.implementations.local import LocalFileSystem

from agents.contracts.ids import SampleRef

THRESHOLD = 65_536
MAX_VALUE_BYTES = 256 * 1024 * 1024
_REFERENCE = re.compile(r"sha256:([0-9a-f]{64})")


class ValueUnavailable(Exception):
    """A reference is malformed, has no value here, or its value was altered."""


def reference(value: bytes) -> SampleRef:
    """Return the reference of a value: `sha256:` and 64 hex digits."""
    return SampleRef(f"sha256:{hashlib.sha256(value).hexdigest()}")


class Store:
    """Values under `<root>/ab/<hash>.zst`; `root` is a path or an fsspec URL such as `s3://b/p`.

    The blocking calls run in a thread, so a slow disk does not stop the event loop.
    """

    def __init__(self, root: str | Path) -> None:
        self._files, self._root = fsspec.core.url_to_fs(str(root))

    async def put(self, value: bytes) -> SampleRef:
        """Keep a value and return its reference; the same value is kept once."""
        return await asyncio.to_thread(self.put_now, value)

    async def get(self, ref: SampleRef) -> bytes:
        """Return the value of a reference. Raises ValueUnavailable."""
        return await asyncio.to_thread(self.get_now, ref)

    def put_now(self, value: bytes) -> SampleRef:
        """Keep a value, blocking. Raises ValueError over 256 MiB."""
        if len(value) > MAX_VALUE_BYTES:
            raise ValueError(f"expected at most {MAX_VALUE_BYTES} bytes, got {len(value)}")
        ref = reference(value)
        path = self._path(ref)
        if not self._files.exists(path):
            self._write(path, zstandard.ZstdCompressor(level=3).compress(value))
        return ref

    def get_now(self, ref: SampleRef) -> bytes:
        """Return a value, blocking. Raises ValueUnavailable."""
        try:
            packed: bytes = self._files.cat_file(self._path(ref))
        except FileNotFoundError as error:
            raise ValueUnavailable(f"{ref} is not in {self._root}: was it removed?") from error
        try:
            size = zstandard.frame_content_size(packed)
            if not 0 <= size <= MAX_VALUE_BYTES:
                raise ValueUnavailable(f"{ref} says {size} bytes in {self._root}: was it altered?")
            value = zstandard.ZstdDecompressor().decompress(packed)
        except zstandard.ZstdError as error:
            raise ValueUnavailable(f"{ref} is damaged in {self._root}: {error}") from error
        if reference(value) != ref:
            raise ValueUnavailable(f"{ref} has other bytes in {self._root}: was it altered?")
        return value

    def _path(self, ref: SampleRef) -> str:
        matched = _REFERENCE.fullmatch(ref)
        if matched is None:
            raise ValueUnavailable(f"expected sha256:<64 hex digits>, got {ref[:80]!r}")
        return f"{self._root}/{matched[1][:2]}/{matched[1]}.zst"

    def _write(self, path: str, packed: bytes) -> None:
        if not isinstance(self._files, LocalFileSystem):
            self._files.pipe_file(path, packed)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid4().hex}")
        try:
            with draft.open("xb") as file:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
