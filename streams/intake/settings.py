"""How intake listens and what it takes: `AOI_INTAKE__...` in the environment.

Invariant: an address beyond loopback without a token does not validate, so it can't be served.
"""

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class IntakeSettings(BaseSettings):
    """Address, token, limits and grouping. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix="AOI_INTAKE__", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8085, ge=0, le=65_535)
    token: SecretStr | None = None
    token_file: Path | None = None
    pagerduty_secrets: tuple[SecretStr, ...] = ()
    group_labels: tuple[str, ...] = ("namespace",)
    body_limit: int = Field(default=1_048_576, ge=1024)
    labels_limit: int = Field(
        default=16_384,
        ge=1024,
        le=32_768,
        description="a whole alert as JSON, labels to URL: an incident's record carries 20 of them",
    )
    skew_seconds: float = Field(default=300.0, ge=0)
    max_in_flight: int = Field(default=256, ge=1, description="requests waiting for Kafka")
    acknowledge_seconds: float = Field(default=10.0, gt=0)
    retry_after_seconds: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("expected one of token and token_file, got both")
        if not self.loopback and self.bearer() is None:
            raise ValueError(f"expected a token for {self.host}: only loopback may do without")
        return self

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the address; a host name counts as beyond."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def skew(self) -> timedelta:
        """How far ahead a sender's clock may be."""
        return timedelta(seconds=self.skew_seconds)

    def bearer(self) -> str | None:
        """Return the token that senders must show, if any."""
        if self.token_file is not None:
            given = self.token_file.read_text(encoding="utf-8").strip()
        else:
            given = "" if self.token is None else self.token.get_secret_value()
        return given or None
