"""Where the models lie that come with AOI."""

from pathlib import Path

MODELS = Path(__file__).parents[1] / "models"
SHIPPED_MODEL = MODELS / "observer-6m"
SHIPPED_EVOLVER = MODELS / "evolver-6m"
