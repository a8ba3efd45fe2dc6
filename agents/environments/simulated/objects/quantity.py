"""Kubernetes quantities: `250m`, `128Mi`, `1G`, as numbers and back.

Invariant: an unreadable text raises ValueError with the API server's own words.
"""

import re
from functools import lru_cache

_PATTERN = re.compile(r"^([+-]?\d+(?:\.\d+)?|\.\d+)([a-zA-Z]*)$")
_UNITS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
MEBIBYTE = 2**20
_REGEXP = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"


@lru_cache(maxsize=4096)
def amount(text: str) -> float:
    """Return the quantity in its base unit: cores, bytes, pieces."""
    match = _PATTERN.match(text)
    if match is None or match.group(2) not in _UNITS:
        raise ValueError(f"quantities must match the regular expression '{_REGEXP}'")
    return float(match.group(1)) * _UNITS[match.group(2)]


def millicores(text: str) -> int:
    """Return a CPU quantity in thousandths of a core."""
    return round(amount(text) * 1000)


def mebibytes(text: str) -> float:
    """Return a memory quantity in MiB."""
    return amount(text) / MEBIBYTE


def cpu_text(milli: int) -> str:
    """Return thousandths of a core as Kubernetes writes them."""
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def memory_text(size: int) -> str:
    """Return bytes with the largest binary unit that divides them."""
    for unit in ("Gi", "Mi", "Ki"):
        factor = int(_UNITS[unit])
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
