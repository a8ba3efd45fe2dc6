"""The scripted model."""

import pytest

from agents.contracts.model import Message
from agents.models.protocol import ModelUnavailable, Question
from agents.models.scripted import ScriptedModel

QUESTION = Question(messages=(Message(role="user", content="a b"),), max_tokens=9, seed=4)


async def test_a_list_is_answered_in_order_and_ends() -> None:
    model = ScriptedModel(["one", "two"], ids=True)
    assert [(await model.answer(QUESTION)).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ModelUnavailable, match="no further answer"):
        await model.answer(QUESTION)
    assert len(model.asked) == 3


async def test_a_function_sees_the_question() -> None:
    model = ScriptedModel(lambda question: str(question.seed))
    answer = await model.answer(QUESTION)
    assert (answer.text, answer.completion_ids) == ("4", None)
