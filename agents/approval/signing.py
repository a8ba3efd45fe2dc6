"""Ed25519 signatures over canonical payloads, and the private key files that make them.

Invariant: what is signed always begins with its domain (`canonical_bytes`, `binding.py`), so a
signature of one kind never passes as another; a private key is only read from a file that its owner
alone can read.
"""

import base64
import binascii
import stat
from pathlib import Path
from typing import Self

import nacl.exceptions
import nacl.signing

from agents.approval.binding import control_bytes, decision_bytes
from agents.approval.canonical import Domain, canonical_bytes
from agents.approval.keyring import KeyEntry, KeyringInvalid, Purpose, write_private
from agents.contracts.approval import ActionDecided, DecisionPayload
from agents.contracts.feedback import (
    ControlIssued,
    ControlPayload,
    JudgementPayload,
    OutcomeJudged,
)

_SEED_BYTES = 32


class SigningKey:
    """A private key; its text never shows it."""

    def __init__(self, seed: bytes) -> None:
        self._key = nacl.signing.SigningKey(seed)

    def __repr__(self) -> str:
        return f"SigningKey(public_key={self.public_key!r})"

    @classmethod
    def generate(cls) -> Self:
        """Return a new key from the system's randomness."""
        return cls(bytes(nacl.signing.SigningKey.generate()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file (the base64 of the seed); raises `KeyringInvalid`."""
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyringInvalid(f"expected {path} to be its owner's alone: chmod 600")
        try:
            seed = base64.b64decode(path.read_bytes().strip(), validate=True)
        except binascii.Error as error:
            raise KeyringInvalid(f"expected the base64 of a seed in {path}") from error
        if len(seed) != _SEED_BYTES:
            raise KeyringInvalid(f"expected {_SEED_BYTES} bytes in {path}, got {len(seed)}")
        return cls(seed)

    def save(self, path: Path) -> None:
        """Write the key file, mode 0600."""
        write_private(path, base64.b64encode(bytes(self._key)) + b"\n")

    @property
    def public_key(self) -> str:
        """The public key in base64."""
        return base64.b64encode(bytes(self._key.verify_key)).decode()

    def entry(self, name: str, *purposes: Purpose) -> KeyEntry:
        """Return the keyring entry that trusts this key."""
        return KeyEntry(name=name, public_key=self.public_key, purposes=frozenset(purposes))

    def sign_bytes(self, data: bytes) -> str:
        """Return the signature of bytes that carry their own domain, in base64."""
        return base64.b64encode(self._key.sign(data).signature).decode()


def sign_decision(key: SigningKey, payload: DecisionPayload) -> ActionDecided:
    """Return the signed decision about an act."""
    signature = key.sign_bytes(decision_bytes(payload))
    return ActionDecided(payload=payload, signature=signature)


def sign_judgement(key: SigningKey, payload: JudgementPayload) -> OutcomeJudged:
    """Return the signed judgement of an outcome."""
    signature = key.sign_bytes(canonical_bytes(Domain.JUDGEMENT, payload))
    return OutcomeJudged(payload=payload, signature=signature)


def sign_control(key: SigningKey, payload: ControlPayload) -> ControlIssued:
    """Return the signed order of an operator."""
    signature = key.sign_bytes(control_bytes(payload))
    return ControlIssued(payload=payload, signature=signature)


def is_decision_of(key: KeyEntry, decision: ActionDecided) -> bool:
    """Return whether the key made the decision's signature."""
    return is_signature(key, decision_bytes(decision.payload), decision.signature)


def is_judgement_of(key: KeyEntry, judgement: OutcomeJudged) -> bool:
    """Return whether the key made the judgement's signature."""
    data = canonical_bytes(Domain.JUDGEMENT, judgement.payload)
    return is_signature(key, data, judgement.signature)


def is_control_of(key: KeyEntry, control: ControlIssued) -> bool:
    """Return whether the key made the control's signature."""
    return is_signature(key, control_bytes(control.payload), control.signature)


def is_signature(key: KeyEntry, data: bytes, signature: str) -> bool:
    """Return whether a base64 signature over bytes is the key's; malformed ones are not."""
    try:
        raw = base64.b64decode(signature, validate=True)
        nacl.signing.VerifyKey(key.key_bytes).verify(data, raw)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        return False
    return True
