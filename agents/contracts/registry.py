"""All facts by their CloudEvents type: importing this module imports every contract."""

from agents.contracts import (  # noqa: F401 - importing registers the facts
    alert,
    approval,
    audit,
    execution,
    feedback,
    guidance,
    incident,
    model,
    observation,
    plan,
    telemetry,
    trajectory,
)
from agents.contracts.model_base import Fact

FACTS: dict[str, type[Fact]] = Fact.BY_TYPE
