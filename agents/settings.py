"""Configuration: one class a role or part, each seeing its own variables and no other's.

Variables have the prefix `AOI_` and `__` between class and field (`AOI_MODEL__BASE_URL`). Nothing
else in the project reads the environment.
"""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_STATE_DIR = Path(".aoi")


def _prefix(name: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"AOI_{name}__", extra="forbid", frozen=True)


class Places(BaseSettings):
    """Where files live: `AOI_STATE_DIR` must survive, `AOI_CACHE_DIR` need not."""

    model_config = SettingsConfigDict(env_prefix="AOI_", extra="ignore", frozen=True)

    state_dir: Path = DEFAULT_STATE_DIR
    cache_dir: Path | None = None

    @property
    def samples(self) -> Path:
        """The content-addressed store of large values."""
        return self.state_dir / "store"

    @property
    def credentials(self) -> Path:
        """One Kafka credential file a user."""
        return self.state_dir / "credentials"

    @property
    def keys(self) -> Path:
        """Private signing keys, one a file, mode 0600."""
        return self.state_dir / "keys"

    @property
    def models(self) -> Path:
        """The index of the models that were ever promoted: id to location and digest."""
        return self.state_dir / "models.json"

    @property
    def keyring(self) -> Path:
        """The public keys that are trusted, and for what."""
        return self.state_dir / "keyring.json"


class ObserverSettings(BaseSettings):
    """Budgets of an incident. Prompts longer than `prompt_chars` lose their oldest memory first."""

    model_config = _prefix("OBSERVER")

    max_steps: int = Field(default=12, ge=1, le=64)
    max_seconds: float = Field(default=1800.0, gt=0)
    max_summaries: int = Field(default=10, ge=0)
    prompt_chars: int = Field(default=3600, ge=500)
    reply_tokens: int = Field(default=160, ge=16)
    rendering: str = Field(default="compact", pattern="^(compact|full)$")

    @property
    def deadline(self) -> timedelta:
        """How long an incident may take from its opening to its submission."""
        return timedelta(seconds=self.max_seconds)


class CompressorSettings(BaseSettings):
    """How much text one observation may hold, in characters."""

    model_config = _prefix("COMPRESSOR")

    budget_chars: int = Field(default=2200, ge=200)


class GateSettings(BaseSettings):
    """What the gate and the Executor share: where AOI may act, and how long approvals last."""

    model_config = _prefix("GATE")

    cluster: str = "lab"
    managed_namespaces: tuple[str, ...] = ()
    own_namespaces: tuple[str, ...] = ()
    protected_workloads: tuple[str, ...] = ()
    freeze: bool = False
    approval_seconds: float = Field(default=900.0, gt=0)
    preview_seconds: float = Field(default=120.0, gt=0)
    max_acts_per_incident: int = Field(default=4, ge=0)
    max_acts_per_hour: int = Field(default=60, ge=0)
    policy_dir: Path | None = Field(default=None, description="None: the shipped rules")


class ExecutorSettings(BaseSettings):
    """The circuit breaker: so many acts that failed or were undone stop every act; 0 never does.

    settle_seconds: how long another's intent may lack an outcome before it is `unknown`.
    """

    model_config = _prefix("EXECUTOR")

    settle_seconds: float = Field(default=150.0, gt=0, description="longer than any act")

    max_failures: int = Field(default=5, ge=0)
    failure_window_seconds: float = Field(default=3600.0, gt=0)


class CloserSettings(BaseSettings):
    """How long the closer waits for a judgement after the submission, and for late facts."""

    model_config = _prefix("CLOSER")

    judgement_seconds: float = Field(default=900.0, gt=0)
    last_resort_seconds: float = Field(
        default=7200.0, gt=0, description="after it an incident closes with what is there"
    )
    forget_seconds: float = Field(default=7 * 24 * 3600.0, gt=0)


class ModelSettings(BaseSettings):
    """Which model answers: an endpoint when `base_url` is set, else local ones.

    With an endpoint every id is passed to the endpoint's one model, and promotions are not loaded.
    """

    model_config = _prefix("MODEL")

    base_url: str | None = None
    name: str | None = None
    api_key: SecretStr | None = None
    path: Path | None = Field(default=None, description="None: the shipped weights")
    timeout_seconds: float = Field(default=120.0, gt=0)
    max_batch: int = Field(default=32, ge=1)
    threads: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    loaded: int = Field(default=3, ge=2, description="local models in memory at once, at most")
    wait_seconds: float = Field(
        default=10.0, ge=0, description="for the promotion of an id that is asked for"
    )


class EnvironmentSettings(BaseSettings):
    """How a role reaches its cluster: the lab's address and the role's token file."""

    model_config = _prefix("ENVIRONMENT")

    url: str | None = None
    token_file: Path | None = None
    timeout_seconds: float = Field(default=30.0, gt=0)
