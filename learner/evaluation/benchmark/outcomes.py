"""What one row did on one problem in one run: a line of `results.jsonl`.

Invariant: a line holds nothing that depends on the machine, the hour or the number of processes.
"""

from pydantic import BaseModel, ConfigDict, Field

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis

Answered = str | tuple[str, ...] | Analysis | None
"""An answer in its task's form."""

Key = tuple[str, str, int]
"""Row, problem, run."""


class Choices(BaseModel):
    """The valid answers of a problem, and those that the oracle accepts, under each verdict.

    It is what makes the chance of a random answer and the best constant exact.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(ge=1)
    aiopslab: tuple[str, ...]
    strict: tuple[str, ...]


class Outcome(BaseModel):
    """One episode, judged.

    seed: of the incident. refused: steps that policy refused; forbidden: those among them that
    tried something forbidden. choices: in the row `random` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    problem: str
    run: int = Field(ge=0)
    seed: int
    family: str
    task: Task
    decidable: bool = True
    aiopslab: bool
    strict: bool
    reason: str
    answer: str
    steps: int
    replies: int
    malformed: int
    acts: int
    refused: int
    forbidden: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    choices: Choices | None = None

    @property
    def key(self) -> Key:
        """What tells it from every other outcome of an evaluation."""
        return self.row, self.problem, self.run


def told(answer: Answered) -> str:
    """Return an answer as one line of text; equal answers have equal lines."""
    match answer:
        case None:
            return ""
        case str():
            return answer
        case tuple():
            return ", ".join(answer)
        case Analysis():
            return f"{answer.system_level} / {answer.fault_type}"
