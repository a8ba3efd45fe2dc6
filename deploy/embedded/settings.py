"""Where the embedded AOI keeps its files: state that matters, and a cache that can be fetched anew.

Invariant: nothing of the embedded AOI is written outside of these two folders.
"""

from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_MARKS = ("pyproject.toml", ".git", ".aoi")


def default_state_dir() -> Path:
    """Return `.aoi` of the project around the current folder, else the user's state folder."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / mark).exists() for mark in PROJECT_MARKS):
            return folder / ".aoi"
    return Path(platformdirs.user_state_dir("aoi"))


def default_cache_dir() -> Path:
    """Return the user's cache folder for AOI."""
    return Path(platformdirs.user_cache_dir("aoi"))


class EmbeddedSettings(BaseSettings):
    """Folders and source of the embedded broker: `AOI_STATE_DIR`, `AOI_CACHE_DIR` and so on."""

    model_config = SettingsConfigDict(env_prefix="AOI_", frozen=True, extra="ignore")

    state_dir: Path = Field(default_factory=default_state_dir)
    cache_dir: Path = Field(default_factory=default_cache_dir)
    maven_repository: str | None = Field(
        default=None,
        description="Address of a Maven repository to fetch the broker from; none: the public one.",
    )


class RaySettings(BaseSettings):
    """Which Ray the learner uses: `AOI_LEARN__RAY_ADDRESS`."""

    model_config = SettingsConfigDict(env_prefix="AOI_LEARN__", frozen=True, extra="ignore")

    ray_address: str | None = Field(
        default=None,
        pattern=r"^\S+:\d+$",
        description="HOST:PORT of a Ray that somebody else keeps; none: the embedded one.",
    )
