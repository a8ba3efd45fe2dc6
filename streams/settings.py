"""How a process reaches Kafka: `AOI_KAFKA__...` in the environment, or a credential file.

Invariant: without any setting nothing is reached but loopback; a password never appears in a repr
or a log. Names that the ACLs know (topics, groups, transactions) are built here and nowhere else.
"""

from pathlib import Path
from typing import Literal, Self

import orjson
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaSettings(BaseSettings):
    """One login to one cluster. `credentials_file` supplies what is not set otherwise."""

    model_config = SettingsConfigDict(env_prefix="AOI_KAFKA__", frozen=True, extra="forbid")

    bootstrap: str = Field(default="127.0.0.1:9092", description="host:port[,host:port...]")
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = Field(default=None, description="file that holds the password")
    credentials_file: Path | None = Field(
        default=None, description="JSON with username, password, bootstrap and mechanism"
    )
    mechanism: Mechanism = "SCRAM-SHA-256"
    security_protocol: SecurityProtocol | None = Field(
        default=None, description="none: SASL_SSL with cafile, SASL_PLAINTEXT with a user only"
    )
    cafile: Path | None = Field(default=None, description="PEM bundle of the broker's authority")
    topic_prefix: str = Field(default="aoi.", pattern=r"^([a-z0-9._-]*[._-])?$")
    replication_factor: int = Field(
        default=-1, ge=-1, le=7, description="-1: the broker's default.replication.factor"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_credentials_file(cls, given: dict[str, object]) -> dict[str, object]:
        file = given.get("credentials_file")
        if file is None:
            return given
        try:
            known = orjson.loads(Path(str(file)).read_bytes())
        except orjson.JSONDecodeError as error:
            raise ValueError(f"expected a JSON object in {file}: {error}") from error
        if not isinstance(known, dict):
            got = type(known).__name__
            raise ValueError(f"expected a JSON object in {file}, got {got}")  # noqa: TRY004 (pydantic reports it)
        return known | given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("expected one of password and password_file, got both")
        if self.protocol.startswith("SASL") and not (
            self.username and (self.password is not None or self.password_file is not None)
        ):
            raise ValueError(f"expected username and password for {self.protocol}, got less")
        return self

    @classmethod
    def of_file(cls, file: Path, *, topic_prefix: str | None = None) -> Self:
        """Return the login of a credential file such as the embedded broker writes."""
        more = {} if topic_prefix is None else {"topic_prefix": topic_prefix}
        return cls.model_validate({"credentials_file": file, **more})

    @property
    def protocol(self) -> SecurityProtocol:
        """The security protocol, said or concluded."""
        if self.security_protocol is not None:
            return self.security_protocol
        if self.username is None:
            return "PLAINTEXT" if self.cafile is None else "SSL"
        return "SASL_PLAINTEXT" if self.cafile is None else "SASL_SSL"

    def secret(self) -> str:
        """Return the password in clear, for handing to a client; empty without a user."""
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").strip()
        return "" if self.password is None else self.password.get_secret_value()

    def topic(self, name: str) -> str:
        """Return the name on the broker of a topic of the registry."""
        return f"{self.topic_prefix}{name}"

    def group(self, user: str) -> str:
        """Return the consumer group of a user, which is also the id of a role's Faust app."""
        return f"{self.topic_prefix}{user}"

    def transactional_id(self, user: str, partition: int) -> str:
        """Return the transactional id of a reducer's partition, or of the learner's outbox (0)."""
        return f"{self.group(user)}-{partition}"
