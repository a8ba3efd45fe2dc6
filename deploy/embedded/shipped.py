"""Where the models lie that come with AOI, and how the learner is told of them."""

from pathlib import Path

from agents.settings import ModelSettings
from learner.settings import LearnerSettings

MODELS = Path(__file__).parents[1] / "models"
SHIPPED_MODEL = MODELS / "observer-6m"
SHIPPED_EVOLVER = MODELS / "evolver-6m"


def learner_variables(state_dir: Path) -> dict[str, str]:
    """Return the variables of a learner in this state folder that the environment leaves unsaid.

    It starts from the model that serves (`AOI_MODEL__PATH`, else the shipped one) and proves in the
    incidents of the lab that runs here, if one does.
    """
    said = LearnerSettings().model_fields_set
    wanted = {
        "model": ("AOI_LEARN__MODEL", ModelSettings().path or SHIPPED_MODEL),
        "evolver": ("AOI_LEARN__EVOLVER", SHIPPED_EVOLVER),
        "catalogue": ("AOI_LEARN__CATALOGUE", state_dir / "lab" / "catalogue.json"),
    }
    return {name: str(path) for field, (name, path) in wanted.items() if field not in said}
