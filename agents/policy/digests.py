"""Values that are known to be secret, kept as keyed digests: found in text, readable from nowhere.

Invariant: of a value nothing is kept but keyed BLAKE2b digests of its spellings and of their
beginnings; the key stays in the memory of its holder. Where a beginning stands in a text, at most
a few digests more are made, none of more than `_LONGEST_FORM` characters: time is linear in the
text, whatever the values and whoever wrote the text.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agents.policy.spellings import SHORTEST, spellings

MARK = "[redacted:known secret]"
_HEAD = SHORTEST
_BEGINNINGS = (32, 16, 8, 4)
"""How many characters of a spelling are looked for first: the most that it has."""
_ANYWHERE = 8
"""From this length on a value is found inside a word, too."""
_LONGEST_FORM = 256
_PIECE = 128
_MOST_SIZES = 16
_LONGEST_VALUE = 16384
"""What of one value is hashed; beyond it only its form can give it away."""

_HELM_RELEASE = "H4sI"
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

    key: 16 to 64 random bytes of the holder. digests: of each value and its encodings; sizes: their
    lengths in characters, longest first, by the digest of their beginning; heads: two bytes of the
    digest of their first four characters. A value of less than 8 characters is found where no
    letter or digit stands before and behind it.
    """

    key: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)
    sizes: Mapping[bytes, tuple[int, ...]] = field(repr=False)
    heads: frozenset[bytes] = field(repr=False)

    @classmethod
    def of(cls, key: bytes, values: Iterable[str]) -> "SecretDigests":
        """Return the digests of values and of their encodings; shorter ones than 4 are left out."""
        known = {value for value in values if len(value) >= SHORTEST}
        forms = _bounded({form for value in known for form in spellings(value)})
        sizes: defaultdict[str, set[int]] = defaultdict(set)
        for form in forms:
            sizes[_beginning(form)].add(len(form))
        return cls(
            key,
            frozenset(_digest(key, form) for form in forms),
            {_digest(key, one): tuple(sorted(of, reverse=True)) for one, of in sizes.items()},
            frozenset(_digest(key, head)[:2] for head in {form[:_HEAD] for form in forms}),
        )

    def hide(self, text: str) -> tuple[str, int]:
        """Return the text without the values, and how often one stood there."""
        if not self.digests:
            return text, 0
        places = range(len(text) - _HEAD + 1)
        heads = {text[at : at + _HEAD] for at in places}
        likely = {head for head in heads if _digest(self.key, head)[:2] in self.heads}
        starts = [at for at in places if text[at : at + _HEAD] in likely] if likely else []
        pieces, done, count = [], 0, 0
        seen: dict[str, tuple[int, ...]] = {}
        for at in starts:
            end = self._end(text, at, seen) if at >= done else 0
            if end:
                # pieces of one long value stand side by side
                if at > done or not count:
                    pieces += [text[done:at], MARK]
                    count += 1
                done = end
        return "".join([*pieces, text[done:]]), count

    def _end(self, text: str, at: int, seen: dict[str, tuple[int, ...]]) -> int:
        """Return where the longest value that begins at `at` ends, or 0.

        seen: beginnings that were looked up in this text before, and what was found.
        """
        for length in _BEGINNINGS:
            begun = text[at : at + length]
            if begun not in seen:
                seen[begun] = self.sizes.get(_digest(self.key, begun), ())
            for size in seen[begun]:
                word = text[at : at + size]
                fits = len(word) == size and (size >= _ANYWHERE or _is_word(text, at, at + size))
                if fits and _digest(self.key, word) in self.digests:
                    return at + size
        return 0


def hidable(data: Mapping[str, str], names: frozenset[str]) -> set[str]:
    """Return what of a Secret's data can be told apart from ordinary words, and so be hidden.

    names: words that the namespace shows anyway, such as its objects' names. A value counts whole;
    of values with several parts (lines, JSON, URLs) each part of mixed characters counts, too. What
    Helm keeps of a release is compressed, and so stands in no text.
    """
    found: set[str] = set()
    for key, whole in data.items():
        if key.lower() in _PUBLIC_KEYS or (key == "release" and whole.startswith(_HELM_RELEASE)):
            continue
        value = whole[:_LONGEST_VALUE]
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


def _is_word(text: str, start: int, end: int) -> bool:
    """Return whether no letter and no digit stands beside a part of a text."""
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _beginning(form: str) -> str:
    return form[: next(length for length in _BEGINNINGS if length <= len(form))]


def _bounded(forms: set[str]) -> set[str]:
    """Return forms with the long ones in pieces, and those in pieces that begin alike in crowds."""
    short = {piece for form in forms for piece in _cut(form, _LONGEST_FORM, _PIECE)}
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for form in short:
        alike[_beginning(form)].add(form)
    found: set[str] = set()
    for begun, group in alike.items():
        crowded = len({len(form) for form in group}) > _MOST_SIZES
        size = len(begun) if crowded else _LONGEST_FORM
        found |= {piece for form in group for piece in _cut(form, size, size)}
    return found


def _cut(form: str, longest: int, size: int) -> Iterator[str]:
    """Yield a form, or if it is longer than `longest` its pieces; the last takes what is left."""
    whole = max(1, len(form) // size) if len(form) > longest else 1
    yield from (form[at * size : (at + 1) * size] for at in range(whole - 1))
    yield form[(whole - 1) * size :]


def _digest(key: bytes, value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16, key=key).digest()
