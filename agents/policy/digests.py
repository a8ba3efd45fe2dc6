"""Values that are known to be secret, kept as keyed digests: found in text, readable from nowhere.

Invariant: of a value nothing is kept but keyed BLAKE2b digests of its spellings and two bytes of
the digest of each spelling's first characters; the key stays in the memory of its holder.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

MARK = "[redacted:known secret]"
_MIN_SECRET = 4
_HEAD = 4
_AT = re.compile(r"(?<![^\W_])\S")
"""Where a value may begin: at the start of a word, or at any other visible character."""

_SHORTEST = 6
_CLEARLY = 8
_KINDS = 3
_PART = re.compile(r"[^\s\"'`,;:=(){}\[\]<>|@/?&]{8,256}")
_ORDINARY = frozenset(
    {"secret", "secrets", "password", "passwort", "changeme", "changeit", "username", "default"}
    | {"administrator", "postgres", "postgresql", "mongodb", "rabbitmq", "localhost", "example"}
    | {"disabled", "enabled", "production", "staging", "development", "cassandra", "elasticsearch"}
)
"""Words that logs are full of; as a password each is found by its form alone."""
_PUBLIC_KEYS = frozenset(
    {
        "username",
        "user",
        "login",
        "host",
        "hostname",
        "port",
        "database",
        "dbname",
        "db",
        "endpoint",
    }
    | {"namespace", "ca.crt", "tls.crt", "issuer", "type", "region"}
)
"""Keys of Secrets whose values are no secret, lower case."""


@dataclass(frozen=True, slots=True)
class SecretDigests:
    """Keyed digests of secret values that are known, so that they can be found but not read.

    key: 16 to 64 random bytes of the holder. digests: of each value and its encodings; lengths: of
    those, in characters; heads: two bytes of the digest of their first characters. A value is
    found where no letter or digit stands before and behind it.
    """

    key: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)
    lengths: frozenset[int] = field(repr=False)
    heads: frozenset[bytes] = field(repr=False)

    @classmethod
    def of(cls, key: bytes, values: Iterable[str]) -> "SecretDigests":
        """Return the digests of values and of their encodings; shorter ones than 4 are left out."""
        known = {value for value in values if len(value) >= _MIN_SECRET}
        spelled = {form for value in known for form in _spellings(value)}
        return cls(
            key,
            frozenset(_digest(key, form) for form in spelled),
            frozenset(len(form) for form in spelled),
            frozenset(_digest(key, form[:_HEAD])[:2] for form in spelled),
        )

    def has(self, word: str) -> bool:
        """Return whether a word is one of the values."""
        return len(word) in self.lengths and _digest(self.key, word) in self.digests

    def hide(self, text: str) -> tuple[str, int]:
        """Return the text without the values, and how often one stood there."""
        if not self.digests:
            return text, 0
        starts = [found.start() for found in _AT.finditer(text)]
        heads = {text[at : at + _HEAD] for at in starts}
        likely = {head for head in heads if _digest(self.key, head)[:2] in self.heads}
        pieces, done, count = [], 0, 0
        sizes = sorted(self.lengths, reverse=True)
        for at in starts:
            if at < done or text[at : at + _HEAD] not in likely:
                continue
            end = self._end(text, at, sizes)
            if end:
                pieces += [text[done:at], MARK]
                done, count = end, count + 1
        return "".join([*pieces, text[done:]]), count

    def _end(self, text: str, at: int, sizes: list[int]) -> int:
        """Return where the longest value that begins at `at` ends, or 0."""
        for size in sizes:
            end = at + size
            inside = end > len(text) or (end < len(text) and text[end].isalnum())
            if not inside and self.has(text[at:end]):
                return end
        return 0


def hidable(data: Mapping[str, str], names: frozenset[str]) -> set[str]:
    """Return what of a Secret's data can be told apart from ordinary words, and so be hidden.

    names: words that the namespace shows anyway, such as its objects' names. A value counts whole;
    of values with several parts (lines, JSON, URLs) each part of mixed characters counts, too.
    """
    found: set[str] = set()
    for key, value in data.items():
        if key.lower() in _PUBLIC_KEYS:
            continue
        parts = {value.strip(), *(line.strip() for line in value.splitlines()), *_leaves(value)}
        found |= {part for part in parts if _distinct(part)}
        found |= {part for part in _PART.findall(value) if _mixed(part)}
    return found - names


def _distinct(value: str) -> bool:
    if value.lower() in _ORDINARY or len(value) < _SHORTEST or value.startswith("-----"):
        return False
    return len(value) >= _CLEARLY or not (value.isalpha() or value.isdigit())


def _mixed(part: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum())
    return sum(any(map(kind, part)) for kind in kinds) >= _KINDS


def _leaves(value: str) -> set[str]:
    """Return the strings of a JSON document; none of another text."""
    if not value.lstrip().startswith(("{", "[")):
        return set()
    try:
        waiting = [json.loads(value)]
    except (ValueError, RecursionError):
        return set()
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.add(one)
        elif isinstance(one, (list, dict)):
            waiting += one.values() if isinstance(one, dict) else one
    return found


def _spellings(value: str) -> set[str]:
    """Return a value as programs write it: plain, quoted, percent-encoded, base64, hex."""
    raw = value.encode("utf-8", "surrogatepass")
    base64s = {
        encode(one).decode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for one in (raw, raw + b"\n")
    }
    percent = quote(raw, safe="")
    forms = {value, percent, percent.replace("%20", "+"), json.dumps(value)[1:-1]}
    forms |= base64s | {one.rstrip("=") for one in base64s} | {raw.hex(), raw.hex().upper()}
    return {form for form in forms if len(form) >= _MIN_SECRET}


def _digest(key: bytes, value: str) -> bytes:
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=key).digest()
