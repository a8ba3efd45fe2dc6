"""What a model is to the roles: messages in, text and token ids out."""

from dataclasses import dataclass
from typing import Protocol

from agents.contracts.ids import ModelId
from agents.contracts.model import Message, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One prompt. `seed` makes sampling repeatable; `temperature` 0 is greedy."""

    messages: tuple[Message, ...]
    max_tokens: int
    seed: int
    temperature: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One completion.

    prompt_ids, completion_ids, logprobs: recorded where the model was called; None when the
    endpoint gives none. logprobs are natural logarithms of the sampling distribution.
    """

    text: str
    usage: Usage
    model_id: ModelId
    prompt_ids: tuple[int, ...] | None = None
    completion_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None


class ModelUnavailable(Exception):
    """The model did not answer in its time; the message says what to check."""


class Model(Protocol):
    """Something that answers. Batching over concurrent callers is its own affair."""

    @property
    def model_id(self) -> ModelId:
        """The identity that travels with every answer."""
        ...

    async def answer(self, question: Question) -> Answer:
        """Answer one question. Raises `ModelUnavailable`."""
        ...
