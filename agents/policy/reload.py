"""Notices an edit of the folder of rules, and puts it in force only when it is whole and right.

Invariant: the policy in force is one that parsed, fits its schema and passes its folder's own
tests; while the folder holds anything else, the one before stays, and `trouble` says why. An edit
is read once it has stood still from one look to the next, so that half a save is never judged.
"""

import hashlib
from pathlib import Path

from agents.policy.cases import load_tested
from agents.policy.decide import SHIPPED
from agents.policy.rulebook import TESTS_FOLDER, PolicyInvalid, Rules, of_an_editor

UNREADABLE = "unreadable"


class PolicyFolder:
    """One folder and the policy that was read from it. `look` does the I/O, `settle` the change."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the folder, or the shipped one; raises `PolicyInvalid`."""
        self.path = folder or SHIPPED
        self._judged = self._seen = stamp_of(self.path)
        self.policy = load_tested(self.path)
        self.trouble: str | None = None

    def look(self) -> Rules | PolicyInvalid | None:
        """Return the rules of an edit, or what is wrong with it; None while nothing is new."""
        stamp = stamp_of(self.path)
        still, self._seen = stamp == self._seen, stamp
        if stamp == self._judged or not still:
            return None
        self._judged = stamp
        try:
            return load_tested(self.path).rules
        except PolicyInvalid as error:
            return error

    def settle(self, found: Rules | PolicyInvalid) -> None:
        """Put rules in force, or keep those in force and remember what is wrong."""
        if isinstance(found, PolicyInvalid):
            self.trouble = str(found)
            return
        self.policy.adopt(found)
        self.trouble = None


def stamp_of(folder: Path) -> str:
    """Return a digest of every file of the folder, tests included; of a broken one, a mark."""
    digest = hashlib.sha256()
    try:
        # by name, through links: the folders of a mounted ConfigMap are links
        tests = folder / TESTS_FOLDER
        for path in sorted([*folder.iterdir(), *(tests.iterdir() if tests.is_dir() else ())]):
            name = path.relative_to(folder)
            if any(of_an_editor(part) for part in name.parts) or not path.is_file():
                continue
            data = path.read_bytes()
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
    except OSError as error:
        return f"{UNREADABLE}: {error}"
    return digest.hexdigest()
