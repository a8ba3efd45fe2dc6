"""How far the learner is: what its progress file tells, by step.

Invariant: reading never fails; a file that is not there, or a line that is half written, tells
nothing yet.
"""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Progress(BaseModel):
    """Where one step of a turn stands. of: 0 where the amount of work is not known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str
    told: str = ""
    done: int = Field(default=0, ge=0)
    of: int = Field(default=0, ge=0)


@dataclass(slots=True, kw_only=True)
class ProgressFile:
    """The latest line of each step, in the order in which the steps began."""

    path: Path
    steps: dict[str, Progress] = field(default_factory=dict)

    def read(self) -> list[Progress]:
        """Take in what the file holds now and return the steps that moved."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        moved: dict[str, Progress] = {}
        for line in text.splitlines():
            try:
                step = Progress.model_validate_json(line)
            except ValidationError:
                continue
            moved[step.step] = step
        changed = [step for step in moved.values() if self.steps.get(step.step) != step]
        self.steps.update(moved)
        return changed
