"""One model call: a prompt in, a reply and the reference of its sample out.

Invariant: token ids and log-probs are stored where the model was called; nothing downstream
tokenises again. A model that stays away becomes a reply with `error`, never a lost request.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import orjson

from agents.contracts.envelope import Event
from agents.contracts.ids import ModelId, SampleRef, event_id
from agents.contracts.model import ModelReplied, ModelRequested
from agents.models.protocol import Answer, Model, ModelUnavailable, Question
from agents.reducer import Output
from agents.roles import Role

Save = Callable[[bytes], Awaitable[SampleRef]]
Choose = Callable[[ModelId], AbstractAsyncContextManager[Model]]
"""Gives the model of an id while a question is asked; may wait, and raises `ModelUnavailable`."""


def always(model: Model) -> Choose:
    """Return the choice of one model whatever id is asked for."""

    @asynccontextmanager
    async def choose(_: ModelId) -> AsyncIterator[Model]:
        yield model

    return choose


@dataclass(slots=True, kw_only=True)
class InferenceWorker:
    """The worker of role `inference`. `choose` finds the model that an incident has pinned."""

    choose: Choose
    save: Save
    temperature: float = 0.0
    role: Role = field(default=Role.INFERENCE, init=False)

    async def reply(self, asked: ModelRequested) -> ModelReplied:
        """Return the model's reply, or what kept it from replying."""
        question = Question(
            messages=asked.messages,
            max_tokens=asked.max_tokens,
            seed=asked.seed,
            temperature=self.temperature,
        )
        same = {
            "incident_id": asked.incident_id,
            "request_id": asked.request_id,
            "role": asked.role,
            "iteration": asked.iteration,
            "attempt": asked.attempt,
        }
        try:
            async with self.choose(asked.model_id) as model:
                answer = await model.answer(question)
        except ModelUnavailable as error:
            gone = {"model_id": asked.model_id, "error": str(error)}
            return ModelReplied.model_validate({**same, **gone})
        sample = await self._stored(asked, answer)
        told = {
            "model_id": answer.model_id,
            "text": answer.text,
            "usage": answer.usage,
            "sample": sample,
        }
        return ModelReplied.model_validate({**same, **told})

    async def _stored(self, asked: ModelRequested, answer: Answer) -> SampleRef | None:
        if answer.completion_ids is None or answer.logprobs is None:
            return None
        return await self.save(
            orjson.dumps(
                {
                    "request_id": asked.request_id,
                    "model_id": answer.model_id,
                    "prompt_ids": answer.prompt_ids,
                    "completion_ids": answer.completion_ids,
                    "logprobs": answer.logprobs,
                    "seed": asked.seed,
                    "temperature": self.temperature,
                }
            )
        )

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer a request with `ModelReplied`."""
        asked = event.fact
        if not isinstance(asked, ModelRequested):
            return ()
        return (reply_output(await self.reply(asked)),)


def reply_output(fact: ModelReplied) -> Output:
    """Return the output of a model call; its id derives from the request's id alone."""
    return Output(
        id=event_id(fact.incident_id, "ModelReplied", fact.request_id),
        key=fact.incident_id,
        fact=fact,
        incident=fact.incident_id,
    )
