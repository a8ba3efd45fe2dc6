"""The model's reply: one JSON object, validated for its task, or a complaint that says why not.

Invariant: a reply can choose a line or an answer; it can never name a tool, a role or a topic.
"""

import json
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis

MAX_REPLY_CHARS = 20_000


class ReplyAction(StrEnum):
    """What the model wants next."""

    PROBE = "probe"
    ACT = "act"
    SUBMIT = "submit"


class MalformedReply(ValueError):
    """The reply can't be used; the message is shown to the model once."""


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_one_line)]


class Reply(BaseModel):
    """The compact plan. `answer` is read only when the action is `submit`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    summary: Words = Field(default="", max_length=2000)
    target: Words = Field(default="", max_length=253)
    check: Words = Field(default="", max_length=500)
    confidence: int = Field(default=0, ge=0, le=100)
    action: ReplyAction
    command: str = Field(default="", max_length=4096)
    answer: str | tuple[str, ...] | Analysis | None = None


def parse_reply(text: str, task: Task) -> Reply:
    """Return the reply in a model's text. A fence or blanks around the object are tolerated.

    Raises MalformedReply with what was expected and what was found.
    """
    if len(text) > MAX_REPLY_CHARS:
        raise MalformedReply(f"reply of {len(text)} characters; at most {MAX_REPLY_CHARS}")
    try:
        value = json.loads(_unfenced(text))
    except ValueError as error:
        raise MalformedReply(f"not one JSON object: {error}") from None
    except RecursionError:
        raise MalformedReply("not one JSON object: nested too deep") from None
    if not isinstance(value, dict):
        raise MalformedReply(f"expected a JSON object, found {type(value).__name__}")
    try:
        reply = Reply.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        raise MalformedReply(f"{where}: {first['msg']}") from None
    return _fitting(reply, task)


def _unfenced(text: str) -> str:
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.removeprefix("```json").removeprefix("```").removesuffix("```")
    return stripped


def _fitting(reply: Reply, task: Task) -> Reply:
    if reply.action is not ReplyAction.SUBMIT:
        if not reply.command.strip():
            raise MalformedReply(f"command: needed for {reply.action}")
        if reply.action is ReplyAction.ACT and task is not Task.MITIGATION:
            raise MalformedReply(f"act: a {task} task allows reads only")
        return reply.model_copy(update={"answer": None})
    return reply.model_copy(update={"answer": answer_for(task, reply.answer)})


def answer_for(
    task: Task, answer: str | tuple[str, ...] | Analysis | None
) -> str | tuple[str, ...] | Analysis | None:
    """Return the answer in its task's form. Raises MalformedReply for another form."""
    match task, answer:
        case Task.DETECTION, str() if answer.strip().lower() in {"yes", "no"}:
            return answer.strip().capitalize()
        case Task.LOCALIZATION, str() if answer.strip():
            return (answer.strip(),)
        case Task.LOCALIZATION, tuple():
            return answer
        case Task.ANALYSIS, Analysis():
            return answer
        case Task.MITIGATION, _:
            return None
    expected: dict[Task, Literal["Yes or No", "[service]", "system_level and fault_type"]] = {
        Task.DETECTION: "Yes or No",
        Task.LOCALIZATION: "[service]",
        Task.ANALYSIS: "system_level and fault_type",
    }
    raise MalformedReply(f"answer: expected {expected[task]}, found {answer!r}")


def reply_text(reply: Reply) -> str:
    """Return the text that a model should have written: keys in order, empty ones left out.

    This is what demonstrations are made of; `parse_reply(reply_text(r))` gives `r` back.
    """
    value: dict[str, object] = {"summary": reply.summary, "target": reply.target}
    if reply.check:
        value["check"] = reply.check
    value |= {"confidence": reply.confidence, "action": str(reply.action)}
    if reply.action is not ReplyAction.SUBMIT:
        value["command"] = reply.command
    elif reply.answer is not None:
        answer = reply.answer
        value["answer"] = answer.model_dump() if isinstance(answer, Analysis) else answer
    return json.dumps(value, ensure_ascii=False)
