"""Randomness that needs no order: a number from a seed and a name; and one throw of an `rng`.

Invariant: the same parts give the same number in any process; `hash()` is never used.
"""

from hashlib import blake2b
from random import Random

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' alphabet for generated names


def draw(*parts: str | float) -> int:
    """Return 64 bits that depend on the parts alone."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def chance(*parts: str | float) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    return draw(*parts) / 2**64


def happens(rng: Random, share: float) -> bool:
    """Return whether what happens in that share of all cases happens in this one."""
    return rng.random() < share


def letters(count: int, *parts: str | float) -> str:
    """Return `count` characters of a generated name."""
    number = draw(*parts)
    out = []
    for _ in range(count):
        number, index = divmod(number, len(LETTERS))
        out.append(LETTERS[index])
    return "".join(out)


def digits(count: int, *parts: str | float) -> str:
    """Return `count` hexadecimal digits."""
    return f"{draw(*parts):016x}{draw(*parts, 'more'):016x}"[:count]


def uid(*parts: str | float) -> str:
    """Return a version 4 style UUID."""
    text = digits(32, *parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
