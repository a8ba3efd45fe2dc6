"""Recipes: how much one turn does, as functions that return settings.

Invariant: a recipe sets amounts only; where things are is said by the environment, which may also
override an amount.
"""

from collections.abc import Callable, Mapping

from learner.evaluation.paired import Gates
from learner.settings import LearnerSettings


def standard() -> LearnerSettings:
    """Return what a learner does that has time: four updates a turn, up to 200 pairs."""
    return LearnerSettings()


def demo() -> LearnerSettings:
    """Return a turn of two or three minutes on two cores: one update, at most 16 pairs."""
    return _with(
        {
            "failures": 12,
            "candidates": 4,
            "siblings": 3,
            "neighbours": 2,
            "updates": 1,
            "groups": 8,
            "group_size": 6,
            # what serves is sure of itself: cooler groups would all end alike
            "temperature": 1.0,
            "gates": Gates(most_pairs=16, batch=16, fewest_pairs=10),
        }
    )


RECIPES: Mapping[str, Callable[[], LearnerSettings]] = {"standard": standard, "demo": demo}


def _with(amounts: Mapping[str, object]) -> LearnerSettings:
    """Return the settings of the environment with these amounts where it says nothing."""
    said = LearnerSettings().model_fields_set
    missing = {name: value for name, value in amounts.items() if name not in said}
    return LearnerSettings.model_validate({**LearnerSettings().model_dump(), **missing})
