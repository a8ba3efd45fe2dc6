"""Which image a reference means: `mongo`, `docker.io/library/mongo` and `mongo:latest` are one.

Invariant: a reference that stands as it is written is never read in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from agents.environments.simulated.applications.graph import Program

_HUB = "docker.io"
_ALIASES = ("index.docker.io/", "registry-1.docker.io/")


def canonical(image: str) -> str:
    """Return the reference with its registry, its repository's folder and its tag or digest."""
    for alias in _ALIASES:
        if image.startswith(alias):
            image = f"{_HUB}/{image.removeprefix(alias)}"
    first, slash, rest = image.partition("/")
    if not slash:
        whole = f"{_HUB}/library/{image}"
    elif first == _HUB:
        whole = image if "/" in rest else f"{_HUB}/library/{rest}"
    elif "." in first or ":" in first or first == "localhost":
        whole = image
    else:
        whole = f"{_HUB}/{image}"
    name = whole.rpartition("/")[2]
    return whole if ":" in name or "@" in name else f"{whole}:latest"


def _known_as(known: Iterable[str], image: str) -> str | None:
    wanted = canonical(image)
    return next((one for one in known if canonical(one) == wanted), None)


def contained(known: Collection[str], image: str) -> bool:
    """Return whether the image is among these, however either is written."""
    return image in known or _known_as(known, image) is not None


def contents(programs: Mapping[str, dict[str, Program]], image: str) -> dict[str, Program] | None:
    """Return what an image runs, None where no registry has it."""
    if image in programs:
        return programs[image]
    name = _known_as(programs, image)
    return programs[name] if name is not None else None
