"""Random text: long words so mixed that no person and no hash function of a cluster wrote them.

Invariant: hexadecimal (digests, trace ids), uids, pod hashes, paths and names in camel case stay,
since letters of both cases and spread digits are asked for; so do certificates. The measure is
Shannon's, per word.
"""

import math
import re
from collections import Counter

_WORD = re.compile(r"(?<![\w+/.-])[A-Za-z0-9+/_-]{32,65536}={0,2}(?![\w+/.-])")
_CERTIFICATE = "LS0tLS1CRUdJTiBDRVJU"
"""How one begins in base64: anyone may read it."""
_LEAST_CHARS = 32
_LEAST_BITS = 4.0
_LEAST_OF_A_KIND = 3
_LEAST_RUNS = 3
_FEWEST_LETTERS_A_SEPARATOR = 8
_RUN = re.compile(r"[0-9]+")
_SEPARATOR = re.compile(r"[+/_-]")


def hide(text: str) -> tuple[str, int]:
    """Return the text without random words, and how many there were."""
    # most of a text is short words: only the long ones are looked at closely
    for word in {word for word in text.split() if len(word) >= _LEAST_CHARS}:
        if any(is_random(found) for found in _WORD.findall(word)):
            return _replace(text)
    return text, 0


def _replace(text: str) -> tuple[str, int]:
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        if not is_random(found.group()):
            return found.group()
        count += 1
        return "[redacted:random text]"

    return _WORD.sub(mark, text), count


def is_random(word: str) -> bool:
    """Return whether a word of 32 characters or more looks drawn: mixed, spread, of high entropy.

    At least 4 bits a character; a random word of 32 base64 characters has about 4.5.
    """
    word = word.strip("+/_-")  # what was put around it tells nothing of it
    if word.startswith(_CERTIFICATE):
        return False
    kinds = (str.islower, str.isupper, str.isdigit)
    if any(sum(map(kind, word)) < _LEAST_OF_A_KIND for kind in kinds):
        return False
    if len(_RUN.findall(word)) < _LEAST_RUNS:
        return False
    if len(_SEPARATOR.findall(word)) * _FEWEST_LETTERS_A_SEPARATOR > len(word):
        return False
    return bits(word) >= _LEAST_BITS


def bits(word: str) -> float:
    """Return the Shannon entropy of a word's characters, in bits a character."""
    counts = Counter(word)
    return -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
