"""A correction: what was wrong in an incident's handling, and the templated way that is right.

Invariant: a command is a line of `learner.evolver.grammar`, its phase fits what it does, and a
correction of a task that allows reads only holds no write. It names its task in `problem_id`.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from agents.contracts.incident import Task
from learner.evolver.grammar import Kind, kind_of
from learner.pretrain.guides import MAX_GUIDE, templated

MAX_TEXT = 20_000
MAX_FIELD = 400


class Phase(StrEnum):
    """What a command is for, in the order of a sound procedure."""

    DISCOVERY = "discovery"
    DIAGNOSIS = "diagnosis"
    RESOLUTION = "resolution"
    VERIFICATION = "verification"


class MalformedCorrection(ValueError):
    """The model's text is no correction; the message says what was expected and found."""


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_one_line), Field(max_length=MAX_FIELD)]


class CorrectedCommand(BaseModel):
    """One templated command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: Phase
    command: str

    @field_validator("command")
    @classmethod
    def _in_grammar(cls, value: str) -> str:
        if kind_of(value) is None:
            raise ValueError(f"expected a templated command of the grammar, found {value[:80]!r}")
        return value

    @model_validator(mode="after")
    def _phase_fits(self) -> Self:
        writes = kind_of(self.command) is Kind.WRITE
        if writes is not (self.phase is Phase.RESOLUTION):
            raise ValueError(f"expected writes in resolution only, found {self.phase}")
        return self


class SystemState(BaseModel):
    """The state as the Evolver understands it; never published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root_cause_and_symptoms: Words
    affected_resources: Words
    errors_and_logs: Words
    cluster_status: Words


class Correction(BaseModel):
    """One correction. problem_id: `<task>/<pattern of the failure>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem_id: str = Field(
        pattern=r"^(?:detection|localization|analysis|mitigation)/[a-z_]{1,40}$"
    )
    task_description: Words
    system_state_summary: SystemState
    commands: tuple[CorrectedCommand, ...] = Field(min_length=1, max_length=MAX_GUIDE)

    @property
    def task(self) -> Task:
        """The task that the correction is for."""
        return Task(self.problem_id.partition("/")[0])

    @property
    def steps(self) -> tuple[str, ...]:
        """The commands as the lines of a guide, each once."""
        return tuple(dict.fromkeys(command.command for command in self.commands))

    @property
    def resolution(self) -> tuple[str, ...]:
        """The commands that change the cluster."""
        return tuple(c.command for c in self.commands if c.phase is Phase.RESOLUTION)

    @model_validator(mode="after")
    def _reads_only(self) -> Self:
        if self.resolution and self.task is not Task.MITIGATION:
            raise ValueError(f"expected reads only, found a resolution for a {self.task} task")
        return self


def parse_correction(text: str, task: Task) -> Correction:
    """Return the correction in a model's text; concrete names in commands become placeholders.

    Raises MalformedCorrection with what was expected and what was found.
    """
    if len(text) > MAX_TEXT:
        raise MalformedCorrection(f"text of {len(text)} characters; at most {MAX_TEXT}")
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise MalformedCorrection(f"not one JSON object: {error}") from None
    if not isinstance(value, dict):
        raise MalformedCorrection(f"expected a JSON object, found {type(value).__name__}")
    try:
        correction = Correction.model_validate(_with_placeholders(value))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:3])
        raise MalformedCorrection(f"{where}: {first['msg']}"[:MAX_FIELD]) from None
    if correction.task is not task:
        raise MalformedCorrection(f"problem_id: expected {task}, found {correction.task}")
    return correction


def render(correction: Correction) -> str:
    """Return the JSON text that `parse_correction` reads back as the same correction."""
    return json.dumps(correction.model_dump(mode="json"), ensure_ascii=False)


def commands_of(lines: Iterable[str]) -> tuple[CorrectedCommand, ...]:
    """Return a run's lines as templated commands with phases; a repeat within a phase is left out.

    A read before the first write is discovery, or diagnosis once it names one object; a read
    after it is verification. Over the limit the first looks go. Raises MalformedCorrection for a
    line that has no template.
    """
    found: dict[tuple[Phase, str], None] = {}
    acted = False
    for line in lines:
        template = templated(line)
        kind = kind_of(template)
        if kind is None:
            raise MalformedCorrection(f"no template for {line[:80]!r}")
        if kind is Kind.WRITE:
            acted, phase = True, Phase.RESOLUTION
        elif acted:
            phase = Phase.VERIFICATION
        else:
            phase = Phase.DIAGNOSIS if "<" in template else Phase.DISCOVERY
        found[(phase, template)] = None
    kept = list(found)[-MAX_GUIDE:]
    return tuple(CorrectedCommand(phase=phase, command=command) for phase, command in kept)


def _with_placeholders(value: dict[str, object]) -> dict[str, object]:
    listed = value.get("commands")
    if not isinstance(listed, list):
        return value
    commands = [
        item | {"command": templated(item["command"])}
        if isinstance(item, dict) and isinstance(item.get("command"), str)
        else item
        for item in listed
    ]
    return value | {"commands": commands}
