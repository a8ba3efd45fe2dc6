"""Lab incidents by reference: what a seed draws, so that any process builds the same bytes.

Invariant: a `Drawn` names everything that the drawing depends on; equal values give equal labs on
every machine. Split C holds names only (`splits.py`), so none of its incidents can be drawn.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab


class Drawn(BaseModel):
    """One lab incident. None leaves to the seed what it would draw (`application`, `healthy`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0)
    family: str
    task: Task
    split: str = "B"
    application: str | None = None
    healthy: bool | None = None

    def scenario(self) -> Scenario:
        """Return the incident before it is built. Raises KeyError for an unknown family."""
        return generate(
            self.seed,
            split=self.split,
            family=self.family,
            task=self.task,
            healthy=self.healthy,
            application=self.application,
        )

    def lab(self) -> Lab:
        """Return the incident as a fresh lab at the moment of its alert."""
        return Lab(self.scenario())


def siblings(drawn: Drawn, count: int, *, first: int) -> tuple[Drawn, ...]:
    """Return incidents of the same family, task and application from the seeds first, first + 1...

    Whether a sibling is healthy is drawn anew by its seed.
    """
    return tuple(
        drawn.model_copy(update={"seed": seed, "healthy": None})
        for seed in range(first, first + count)
    )


def paired(
    families: Sequence[str], tasks: Sequence[Task], count: int, *, first: int
) -> list[Drawn]:
    """Return incidents that go through families and tasks together, each once a seed.

    Every pass over the families shifts the tasks by one, so that few incidents are of all tasks and
    len(families) * len(tasks) of them are each pair once.
    """
    return [
        Drawn(
            seed=first + number,
            family=families[number % len(families)],
            task=tasks[(number % len(families) + number // len(families)) % len(tasks)],
        )
        for number in range(count)
    ]
