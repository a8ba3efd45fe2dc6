"""Settings of the learner (`AOI_LEARN__...`): where it finds things and how much one turn does.

Invariant: every number that bounds a turn stands here; recipes (`recipes.py`) are functions that
return these settings.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from learner.evaluation.paired import Gates


class LearnerSettings(BaseSettings):
    """One learner.

    model: the checkpoint that training starts from while nothing was promoted; evolver: the model
    that repairs failures. catalogue: the lab's list of its incidents, the proving ground (None:
    nothing can be proved, every failure is dropped as `no_ground`). failures: at most so many a
    turn. candidates: corrections asked of the Evolver a failure. updates: of the policy, a turn.
    temperature: of the rollouts; a small model copies names badly at 1. pause_seconds: between
    turns when nothing failed.
    """

    model_config = SettingsConfigDict(env_prefix="AOI_LEARN__", extra="ignore", frozen=True)

    model: Path | None = None
    evolver: Path | None = None
    catalogue: Path | None = None
    ray_address: str | None = None
    failures: int = Field(default=16, ge=1)
    candidates: int = Field(default=4, ge=1)
    siblings: int = Field(default=6, ge=1)
    neighbours: int = Field(default=4, ge=0)
    updates: int = Field(default=4, ge=0)
    groups: int = Field(default=8, ge=1)
    group_size: int = Field(default=8, ge=2)
    max_samples: int | None = Field(default=None, ge=1)
    rate: float = Field(default=1e-4, gt=0)
    temperature: float = Field(default=0.6, gt=0)
    runners: int = Field(default=1, ge=0)
    learners: int = Field(default=1, ge=0)
    gpus_per_learner: float = Field(default=0.0, ge=0)
    at_once: int = Field(default=32, ge=1)
    threads: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    guidance_days: float = Field(default=30.0, gt=0)
    pause_seconds: float = Field(default=15.0, gt=0)
    gates: Gates = Gates()
