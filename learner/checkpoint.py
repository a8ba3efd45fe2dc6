"""Checkpoints: one folder a turn, visible as a whole or not at all, and one writer at a time.

    checkpoints/
      epoch              the writer's number; a writer that finds a higher one is fenced
      000007/            manifest.json, trainer/
      .draft-...         what a crash left; removed by the next writer

Invariant: a folder with a number is complete: it was written aside, every file and folder of it
synced, then renamed. `kill -9` at any point leaves the checkpoint before or the checkpoint after.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from agents.worker import AoiError
from learner.manifest import Manifest

MANIFEST, EPOCH, LOCK = "manifest.json", "epoch", "writer.lock"
KEPT = 3
DIGITS = 6


class CheckpointError(AoiError):
    """A checkpoint can't be read or written.

    CheckpointError
    ├── WriterBusy    another learner writes here
    ├── Fenced        another learner has taken over since
    └── Damaged       the newest checkpoint is not what was written
    """


class WriterBusy(CheckpointError):
    """Another learner writes into this folder."""


class Fenced(CheckpointError):
    """Another learner has taken over: nothing more may be written."""


class Damaged(CheckpointError):
    """A checkpoint's manifest can't be read."""


def numbered(folder: Path) -> list[Path]:
    """Return the complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob("[0-9]" * DIGITS) if (path / MANIFEST).is_file())


def latest(folder: Path) -> tuple[Path, Manifest] | None:
    """Return the newest checkpoint and its manifest, or None. Raises Damaged."""
    found = numbered(folder)
    if not found:
        return None
    return found[-1], _read(found[-1])


class Checkpoints:
    """The one writer of a folder; use it as a context. Raises WriterBusy on entering."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epoch = 0
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Take the folder and a new epoch; whoever wrote before is fenced from now on."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise WriterBusy(
                f"another learner writes into {self.folder}; stop it with `aoi learn stop`, "
                "or set AOI_STATE_DIR to another folder"
            ) from None
        self.epoch = self._standing() + 1
        _written(self.folder / EPOCH, str(self.epoch).encode())
        for draft in self.folder.glob(".draft-*"):
            shutil.rmtree(draft, ignore_errors=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def latest(self) -> tuple[Path, Manifest] | None:
        """Return the newest checkpoint and its manifest, or None. Raises Damaged."""
        return latest(self.folder)

    def kept(self) -> list[Manifest]:
        """Return the manifests that are still there, oldest first. Raises Damaged."""
        return [_read(folder) for folder in numbered(self.folder)]

    def save(self, manifest: Manifest, fill: Callable[[Path], None] = lambda _: None) -> Path:
        """Write a checkpoint and return its folder; `fill` adds files to it before it counts.

        Raises Fenced.
        """
        self._check()
        draft = self.folder / f".draft-{self.epoch}-{manifest.number}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        fill(draft)
        (draft / MANIFEST).write_bytes(manifest.model_dump_json(indent=1).encode())
        _synced(draft)
        self._check()
        target = self.folder / f"{manifest.number:0{DIGITS}d}"
        draft.rename(target)
        _sync_folder(self.folder)
        for old in numbered(self.folder)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return target

    def _standing(self) -> int:
        file = self.folder / EPOCH
        return int(file.read_text()) if file.exists() else 0

    def _check(self) -> None:
        standing = self._standing()
        if self._lock is None or standing != self.epoch:
            raise Fenced(
                f"expected to write {self.folder} as epoch {self.epoch}, it stands at {standing}: "
                "another learner has taken over"
            )


def _read(folder: Path) -> Manifest:
    file = folder / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise Damaged(
            f"expected a manifest in {file}, got: {error.errors()[0]['msg']}; remove "
            f"{folder} to go on from the checkpoint before it"
        ) from error


def _written(file: Path, content: bytes) -> None:
    """Replace a small file as a whole."""
    draft = file.with_name(f".draft-{file.name}")
    with draft.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
    _sync_folder(file.parent)


def _synced(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            _sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
