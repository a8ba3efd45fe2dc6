"""One credential file a Kafka user: who it is, its password, and where the broker listens.

Invariant: a file is readable by its owner only (0600) from the moment it exists, is replaced as a
whole, and its password is drawn once per state folder and kept.
"""

import os
import secrets
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

MECHANISM: Literal["SCRAM-SHA-256"] = "SCRAM-SHA-256"
PASSWORD_BYTES = 24
ADMIN = "admin"


class Credential(BaseModel):
    """What a client needs to connect as one user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str
    password: str
    bootstrap: str
    mechanism: Literal["SCRAM-SHA-256"] = MECHANISM


def path_of(folder: Path, user: str) -> Path:
    """Return the file of a user."""
    return folder / f"{user}.json"


def read(folder: Path, user: str) -> Credential:
    """Return the credential of a user; raises FileNotFoundError."""
    return Credential.model_validate_json(path_of(folder, user).read_bytes())


def settle(folder: Path, user: str, bootstrap: str) -> Credential:
    """Return a user's credential for this address, drawing a password where there is none."""
    try:
        known = read(folder, user)
    except FileNotFoundError:
        known = Credential(
            username=user, password=secrets.token_urlsafe(PASSWORD_BYTES), bootstrap=bootstrap
        )
    else:
        if known.bootstrap == bootstrap:
            return known
        known = known.model_copy(update={"bootstrap": bootstrap})
    write_private(
        path_of(folder, user), orjson.dumps(known.model_dump(), option=orjson.OPT_INDENT_2) + b"\n"
    )
    return known


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, as a whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
