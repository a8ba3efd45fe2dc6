"""Settings of the lab process (`AOI_LAB__...`)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.contracts.incident import Task


class LabSettings(BaseSettings):
    """What the lab serves and where it sends its alerts.

    rounds: in every one but the first, each incident has a sibling, held until it is released.
    catalogue_file: what the released labs are, for the learner's proving ground and no one else.
    spacing_seconds: wall time between two incidents' alerts (a storm by default).
    tick_seconds: virtual seconds that pass in every lab per wall second, beside what commands cost.
    """

    model_config = SettingsConfigDict(env_prefix="AOI_LAB__", frozen=True, extra="forbid")

    seed: int = Field(default=1, ge=0)
    incidents: int = Field(default=8, ge=1, le=1000)
    rounds: int = Field(default=1, ge=1, le=8)
    splits: tuple[str, ...] = Field(
        default=("A", "B"), min_length=1, description="in turn; B adds families never shown"
    )
    applications: tuple[str, ...] = Field(
        default=("hotel", "procedural"), min_length=1, description="in turn"
    )
    family: str | None = Field(default=None, description="one fault family; None: any of the split")
    task: Task | None = Field(default=None, description="one task type; None: all, in turn")
    port: int = Field(default=0, ge=0, le=65_535, description="0: any free port")
    intake_url: str = "http://127.0.0.1:8099"
    tokens_dir: Path = Field(default=Path(".aoi/lab"), description="a token file a right")
    address_file: Path = Path(".aoi/lab/address.json")
    catalogue_file: Path = Path(".aoi/lab/catalogue.json")
    judge_key: Path = Path(".aoi/keys/lab.key")
    spacing_seconds: float = Field(default=0.3, ge=0)
    tick_seconds: float = Field(default=0.0, ge=0)
