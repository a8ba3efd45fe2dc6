"""A model for tests: it says what it was told to say.

Invariant: the same questions in the same order get the same answers.
"""

from collections.abc import Callable, Iterable

from agents.contracts.ids import ModelId
from agents.contracts.model import Usage
from agents.models.protocol import Answer, ModelUnavailable, Question

Script = Callable[[Question], str]


class ScriptedModel:
    """Answers from a function of the question, or from a list, one text after the other.

    asked: every question so far. ids: also report one made-up token id a character, so that
    trajectories count as trainable.
    """

    def __init__(
        self, script: Script | Iterable[str], *, name: str = "scripted", ids: bool = False
    ) -> None:
        self._script = script if callable(script) else _in_order(script)
        self._name = ModelId(name)
        self._ids = ids
        self.asked: list[Question] = []

    @property
    def model_id(self) -> ModelId:
        """The name given."""
        return self._name

    async def answer(self, question: Question) -> Answer:
        """Return the script's text. Raises `ModelUnavailable` when a list is at its end."""
        self.asked.append(question)
        text = self._script(question)
        prompt = "".join(message.content for message in question.messages)
        return Answer(
            text=text,
            usage=Usage(prompt_tokens=len(prompt.split()), completion_tokens=len(text.split())),
            model_id=self._name,
            prompt_ids=tuple(map(ord, prompt)) if self._ids else None,
            completion_ids=tuple(map(ord, text)) if self._ids else None,
            logprobs=(-0.5,) * len(text) if self._ids else None,
        )


def _in_order(texts: Iterable[str]) -> Script:
    left = iter(texts)

    def script(_question: Question) -> str:
        try:
            return next(left)
        except StopIteration:
            raise ModelUnavailable("the script has no further answer; add one") from None

    return script
