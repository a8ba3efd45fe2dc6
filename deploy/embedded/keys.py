"""The keys of an embedded AOI: drawn once per state folder, public parts in one keyring.

Invariant: a private key exists in one file of mode 0600; the keyring names what each may sign, and
the gate's key may sign for nobody else.
"""

from pathlib import Path

from agents.approval.keyring import Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey

HOLDERS: dict[str, tuple[Purpose, ...]] = {
    "gate": (Purpose.GATE, Purpose.AUDIT),
    "executor": (Purpose.AUDIT,),
    "approver": (Purpose.APPROVE,),
    "lab": (Purpose.JUDGE,),
    "operator": (Purpose.CONTROL,),
}


def settle(keys: Path, keyring: Path) -> None:
    """Draw the keys that are missing and add their public parts to the keyring.

    Raises KeyringInvalid when the keyring or a key file can't be trusted.
    """
    known = Keyring.load(keyring).keys if keyring.exists() else ()
    entries = known
    for name, purposes in HOLDERS.items():
        key = _key(keys / f"{name}.key")
        if any(entry.name == name and entry.public_key == key.public_key for entry in entries):
            continue  # revoked or rotated keys stay as they stand
        others = tuple(entry for entry in entries if entry.name != name)
        entries = (*others, key.entry(name, *purposes))
    if entries != known:
        write_keyring(keyring, entries)


def _key(path: Path) -> SigningKey:
    if path.exists():
        return SigningKey.load(path)
    key = SigningKey.generate()
    key.save(path)
    return key
