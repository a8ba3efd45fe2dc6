"""The public keys that are trusted, each for named purposes and a span of time.

Invariant: a key that is not listed, is revoked, is outside its time or is meant for something else
is no key; a file that others may write or own, or that is malformed, leaves no key at all. Names
that look the same are one voice, so the keyring holds one spelling of each. The file:
`{"keys": [{"name", "public_key" (base64), "purposes", "not_before", "not_after", "revoked"}]}`.
"""

import base64
import json
import os
import stat
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, Field, ValidationError, field_validator

from agents.contracts.model_base import Order
from agents.invisible import INVISIBLE

_KEY_BYTES = 32
Mark = tuple[int, ...]


class Purpose(StrEnum):
    """What a key may sign."""

    APPROVE = "approve"
    JUDGE = "judge"
    GATE = "gate"
    CONTROL = "control"
    AUDIT = "audit"


class KeyringInvalid(Exception):
    """The keyring or key file cannot be trusted; the message says what to change."""


def voice(name: str) -> str:
    """Return what a name is compared by where persons are counted: `Anna ` is `anna`, too."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(INVISIBLE.sub("", folded).split())


class KeyEntry(Order):
    """One trusted key. `name` is what its holder signs as: approver, judge, operator or writer."""

    name: str = Field(min_length=1, max_length=256)
    public_key: str
    purposes: frozenset[Purpose] = Field(min_length=1)
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    revoked: bool = False

    @field_validator("public_key")
    @classmethod
    def _is_key(cls, value: str) -> str:
        if len(base64.b64decode(value, validate=True)) != _KEY_BYTES:
            raise ValueError("expected 32 bytes in base64")
        return value

    @field_validator("purposes")
    @classmethod
    def _gate_stands_alone(cls, value: frozenset[Purpose]) -> frozenset[Purpose]:
        if Purpose.GATE in value and value & {Purpose.APPROVE, Purpose.JUDGE, Purpose.CONTROL}:
            raise ValueError("the gate's key can be no person's")
        return value

    @property
    def key_bytes(self) -> bytes:
        """The 32 bytes of the Ed25519 public key."""
        return base64.b64decode(self.public_key)

    def serves(self, purpose: Purpose, now: datetime) -> bool:
        """Return whether the key may be used for a purpose at a moment."""
        return (
            purpose in self.purposes
            and not self.revoked
            and (self.not_before is None or self.not_before <= now)
            and (self.not_after is None or now < self.not_after)
        )


class KeyringFile(Order):
    """The keyring as it stands in its file or ConfigMap."""

    keys: tuple[KeyEntry, ...]


class Keyring:
    """Trusted keys by name. While keys rotate a name has several, and all but one have an end."""

    def __init__(self, keys: tuple[KeyEntry, ...], path: Path | None = None) -> None:
        self._path = path
        self._seen: Mark | None = None
        self._keys = keys
        _check_distinct(keys)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a keyring file; raises `KeyringInvalid`."""
        keyring = cls((), path)
        keyring.reload_if_changed()
        return keyring

    @property
    def keys(self) -> tuple[KeyEntry, ...]:
        """Every entry, revoked ones too."""
        return self._keys

    def find(self, name: str, purpose: Purpose, now: datetime) -> KeyEntry | None:
        """Return a key of a name that serves a purpose now, or None; see `serving`."""
        return next(iter(self.serving(name, purpose, now)), None)

    def serving(self, name: str, purpose: Purpose, now: datetime) -> tuple[KeyEntry, ...]:
        """Return every key of a name that serves a purpose now: two, while the name rotates."""
        return tuple(key for key in self._keys if key.name == name and key.serves(purpose, now))

    def reload_if_changed(self) -> bool:
        """Read the file again if it is another one now; on any fault no key is trusted.

        Returns whether it was read. Raises `KeyringInvalid`.
        """
        if self._path is None:
            return False
        try:
            mark = _mark(self._path.stat())
            if mark == self._seen:
                return False
            self._keys = read_keyring(self._path).keys
            _check_distinct(self._keys)
        except (OSError, KeyringInvalid) as error:
            self._keys, self._seen = (), None
            raise KeyringInvalid(f"{self._path}: {error}") from error
        self._seen = mark
        return True


def read_keyring(path: Path) -> KeyringFile:
    """Return the content of a keyring file that only this process's user or root may write."""
    with path.open("rb") as file:  # asked of the open file: another may be under its name by now
        status = os.fstat(file.fileno())
        content = file.read()
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise KeyringInvalid("expected a file that only its owner may write: chmod 644")
    if status.st_uid not in {0, os.geteuid()}:
        raise KeyringInvalid(
            f"expected user {os.geteuid()}'s file or root's, got user {status.st_uid}'s: chown it"
        )
    try:
        return KeyringFile.model_validate_json(content)
    except ValidationError as error:
        raise KeyringInvalid(f"expected a keyring: {error.errors()[0]['msg']}") from error


def write_keyring(path: Path, keys: tuple[KeyEntry, ...]) -> None:
    """Write a keyring file whole, or not at all."""
    _check_distinct(keys)
    data = {"keys": [key.model_dump(mode="json") for key in keys]}
    for entry in data["keys"]:
        entry["purposes"] = sorted(entry["purposes"])
    _replace(path, (json.dumps(data, indent=2) + "\n").encode(), 0o644)


def write_private(path: Path, data: bytes) -> None:
    """Write a private file, mode 0600, whole or not at all."""
    _replace(path, data, 0o600)


def _mark(status: os.stat_result) -> Mark:
    """Return what changes with the file's content, its place, or who may write it."""
    return (
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino,
        status.st_mode,
        status.st_uid,
    )


def _replace(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _check_distinct(keys: tuple[KeyEntry, ...]) -> None:
    """Refuse two endless keys of one name, mixed purposes, and one key under two entries."""
    valid = [key for key in keys if not key.revoked]
    _check_spelled(key.name for key in valid)
    endless = [key.name for key in valid if key.not_after is None]
    if len(set(endless)) != len(endless):
        raise KeyringInvalid(
            "expected one key a name without an end; revoke the old one or give it a not_after"
        )
    if len({(key.name, key.purposes) for key in valid}) != len({key.name for key in valid}):
        raise KeyringInvalid("expected the keys of one name to have the same purposes")
    if len({key.public_key for key in keys}) != len(keys):
        raise KeyringInvalid("expected each key under one name")


def _check_spelled(names: Iterable[str]) -> None:
    """Refuse one voice in two spellings, and a name that nobody sees."""
    spelled: dict[str, str] = {}
    for name in names:
        first = spelled.setdefault(voice(name), name)
        if first != name:
            raise KeyringInvalid(f"expected one spelling of a name, got {first!r} and {name!r}")
    if "" in spelled:
        raise KeyringInvalid(f"expected a name that can be seen, got {spelled['']!r}")
