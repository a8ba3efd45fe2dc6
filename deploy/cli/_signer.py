"""As whom a key signs: the name that the keyring gives it.

Invariant: a decision that the audit would refuse for its key is not sent: the key stands in the
keyring, serves the purpose now, and signs under its own name.
"""

import base64
from collections.abc import Container
from datetime import datetime
from pathlib import Path

from agents.approval.keyring import Keyring, KeyringInvalid, Purpose
from agents.approval.signing import SigningKey


def signer(
    file: Path,
    ring: Path,
    name: str | None,
    moment: datetime,
    purpose: Purpose = Purpose.APPROVE,
) -> tuple[str, SigningKey]:
    """Return the holder's name and the key. Raises KeyringInvalid, OSError."""
    if not file.exists():
        meant = "" if purpose is Purpose.APPROVE else f" --purpose {purpose}"
        raise KeyringInvalid(
            f"expected a private key in {file}, found none; "
            f"`aoi approvals keygen {name or 'NAME'}{meant}` draws one, --key names another file"
        )
    key = SigningKey.load(file)
    public = base64.b64decode(key.public_key)
    entry = next((one for one in Keyring.load(ring).keys if one.key_bytes == public), None)
    if entry is None:
        raise KeyringInvalid(
            f"expected a key of the keyring {ring}, got another in {file}; "
            "`aoi approvals keygen NAME` draws one and adds it"
        )
    if name is not None and name != entry.name:
        raise KeyringInvalid(
            f"expected the key of {name}, got {entry.name}'s in {file}; leave --as out, or give "
            f"--key the file of {name}"
        )
    if purpose not in entry.purposes:
        may = ", ".join(sorted(entry.purposes))
        raise KeyringInvalid(f"expected a key with purpose {purpose}, got {entry.name}'s for {may}")
    if not entry.serves(purpose, moment):
        raise KeyringInvalid(
            f"expected a key that is valid now, got {entry.name}'s, which {ring} calls revoked or "
            "out of its time"
        )
    return entry.name, key


def only_person(keys: Path, ring: Path, moment: datetime, machines: Container[str]) -> str:
    """Return the one name, no machine's, that has a key here which may approve now.

    Raises KeyringInvalid where there is none or a choice: nobody signs as another by default.
    """
    entries = Keyring.load(ring).keys if ring.exists() else ()
    names = sorted(
        {
            one.name
            for one in entries
            if one.serves(Purpose.APPROVE, moment)
            and one.name not in machines
            and (keys / f"{one.name}.key").exists()
        }
    )
    if not names:
        raise KeyringInvalid(
            f"expected a person's key in {keys}, found none: `aoi approvals keygen NAME` draws "
            "one; --as NAME or --key FILE names a key of a machine or of elsewhere"
        )
    if len(names) > 1:
        raise KeyringInvalid(f"expected --as NAME, one of: {', '.join(names)}")
    return names[0]
