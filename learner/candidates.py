"""The folders of candidates: every turn that trained leaves one, and most are never served.

Invariant: what a kept checkpoint names stays (serving, previous, candidate, trainer), and so does
what was promoted in a turn that is still told of: an open incident may ask for it.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from learner.manifest import Manifest

PREFIX = "observer-e"


def folder_of(models: Path, epoch: int, turn: int) -> Path:
    """Return where the candidate of a turn is written: a writer that redoes one has its own."""
    return models / f"{PREFIX}{epoch}-t{turn}"


def forget(models: Path, kept: Iterable[Manifest]) -> None:
    """Remove the folders of candidates that no kept checkpoint needs."""
    named = {name for manifest in kept for name in _named(manifest)}
    for folder in models.glob(f"{PREFIX}*-t*"):
        if folder.name not in named:
            shutil.rmtree(folder, ignore_errors=True)


def _named(manifest: Manifest) -> set[str]:
    models = (manifest.current, manifest.previous, manifest.candidate)
    places = {model.path.name for model in models if model is not None}
    if manifest.trainer is not None:
        places.add(Path(manifest.trainer).name)
    promoted = {turn.promoted.partition("@")[0] for turn in manifest.turns if turn.promoted}
    return places | promoted
