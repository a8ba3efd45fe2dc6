"""Where the model lies that comes with AOI."""

from pathlib import Path

SHIPPED_MODEL = Path(__file__).parents[1] / "models" / "observer-6m"
