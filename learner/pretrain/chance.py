"""Chance for the expert, which may import nothing of the lab (its dice included)."""

from random import Random


def happens(rng: Random, share: float) -> bool:
    """Return True in that share of the draws."""
    return rng.random() < share
