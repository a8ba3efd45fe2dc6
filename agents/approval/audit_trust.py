"""Whose signatures count when an audit is checked, and what may be missing.

Invariant: strict unless said otherwise: a revoked key counts for nothing, a chain begins at 0.
"""

from dataclasses import dataclass
from datetime import datetime

from agents.approval.keyring import KeyEntry, Keyring, Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whose signatures count.

    now: for records without a time of their own. revoked: keys that were revoked since count too,
    for an audit that is older than the revocation. retained: records may have been taken by
    retention, oldest first; without it a chain that does not begin at 0 is cut.
    """

    keyring: Keyring
    now: datetime
    revoked: bool = False
    retained: bool = False

    def keys(self, writer: str, at: datetime | None) -> list[KeyEntry]:
        """Return the keys that may sign for a writer at a moment; several while keys overlap."""
        name, moment = writer.partition("/")[0], at or self.now
        keys = list(self.keyring.serving(name, Purpose.AUDIT, moment))
        if self.revoked:
            keys += [
                key
                for key in self.keyring.keys
                if key.revoked and key.name == name and Purpose.AUDIT in key.purposes
            ]
        return keys
