"""Families by split, and what the unseen families need that the seen ones teach.

Invariant: `splits.json` is committed before anything is trained; C's families exist as names only
and no code here can make an incident of one.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Return the whole of `splits.json`."""
    text = files("agents.environments.simulated").joinpath("splits.json").read_bytes()
    loaded: dict[str, Any] = orjson.loads(text)
    return loaded


def families_of(split: str) -> list[str]:
    """Return the families of a split; A is part of B. Raises KeyError."""
    splits = table()["splits"]
    if split == "B":
        return [*splits["A"], *splits["B"]]
    if split == "C":
        raise KeyError("split C holds names only: its incidents are the benchmark's")
    return list(splits[split])
