"""Whether a store's arguments make it refuse plain connections, in every spelling that it reads.

Invariant: a pure reading; an option counts with its value as the next word, behind `=`, or in one
word with a blank, and the last one of several decides.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agents.environments.simulated.applications.graph import Protocol

_OPTIONS: dict[Protocol, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Protocol.MONGO: (("--tlsMode", "--sslMode"), ("requireTLS", "requireSSL")),
    Protocol.POSTGRES: (("-c ssl", "-cssl", "--ssl"), ("require",)),
    Protocol.REDIS: (("--tls-only",), ("yes",)),
}
"""Protocol -> (names of the option, values with which plain connections are refused)."""
_APART = re.compile(r"[=\s]+")


@lru_cache(maxsize=1024)
def requires_tls(protocol: Protocol, arguments: tuple[str, ...]) -> bool:
    """Return whether a store that got these arguments refuses plain connections."""
    if protocol not in _OPTIONS:
        return False
    names, values = _OPTIONS[protocol]
    words = [part for word in arguments for part in _APART.split(word) if part]
    required = False
    for at in range(1, len(words)):
        option = words[at - 1]
        if at > 1 and words[at - 2] == "-c":
            option = f"-c {option}"
        if option in names:
            required = words[at] in values
    return required
