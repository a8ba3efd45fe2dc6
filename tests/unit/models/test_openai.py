"""The endpoint model against a small server of the API."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from agents.contracts.model import Message
from agents.models.openai import EndpointModel
from agents.models.protocol import ModelUnavailable, Question

QUESTION = Question(messages=(Message(role="user", content="hi"),), max_tokens=9, seed=4)


def completion(**more: Any) -> dict[str, Any]:
    choice = {"message": {"content": "yes"}, **more.pop("choice", {})}
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return {"model": "m", "choices": [choice], "usage": usage, **more}


class Endpoint:
    """Answers with the next of its responses; the last one repeats."""

    def __init__(self) -> None:
        self.responses: list[Callable[[], web.StreamResponse]] = []
        self.seen: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer the next response."""
        self.seen.append(await request.json())
        self.headers.append(request.headers)
        return (self.responses.pop(0) if len(self.responses) > 1 else self.responses[0])()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def model(endpoint: Endpoint) -> AsyncIterator[EndpointModel]:
    model = EndpointModel(
        endpoint.url, "m", api_key="k", first_wait_seconds=0.01, timeout_seconds=2, token_ids=True
    )
    yield model
    await model.close()


async def test_what_is_asked_and_what_comes_back(endpoint: Endpoint, model: EndpointModel) -> None:
    logprobs = {"content": [{"logprob": -0.1}, {"logprob": -0.2}]}
    choice = {"token_ids": [7, 8], "logprobs": logprobs}
    endpoint.responses = [
        lambda: web.json_response(completion(prompt_token_ids=[1, 2, 3], choice=choice))
    ]
    answer = await model.answer(QUESTION)
    assert (answer.text, answer.usage.prompt_tokens, answer.model_id) == ("yes", 3, "m")
    assert answer.prompt_ids == (1, 2, 3)
    assert answer.completion_ids == (7, 8)
    assert answer.logprobs == (-0.1, -0.2)
    (body,) = endpoint.seen
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert (body["max_tokens"], body["seed"], body["temperature"]) == (9, 4, 0.0)
    assert body["return_token_ids"] is True
    assert endpoint.headers[0]["Authorization"] == "Bearer k"


async def test_ids_that_do_not_fit_the_logprobs_are_left_out(
    endpoint: Endpoint, model: EndpointModel
) -> None:
    choice = {"token_ids": [7, 8], "logprobs": {"content": [{"logprob": -0.1}]}}
    endpoint.responses = [
        lambda: web.json_response(completion(prompt_token_ids=[1], choice=choice))
    ]
    answer = await model.answer(QUESTION)
    assert answer.text == "yes"
    assert answer.prompt_ids is answer.completion_ids is answer.logprobs is None


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_again(
    endpoint: Endpoint, model: EndpointModel, status: int
) -> None:
    endpoint.responses = [
        lambda: web.Response(status=status),
        lambda: web.Response(status=status),
        lambda: web.json_response(completion()),
    ]
    assert (await model.answer(QUESTION)).text == "yes"
    assert len(endpoint.seen) == 3


async def test_what_does_not_pass_is_told(endpoint: Endpoint, model: EndpointModel) -> None:
    endpoint.responses = [lambda: web.Response(status=503, text="loading")]
    with pytest.raises(ModelUnavailable, match="503: loading; tried 4 times"):
        await model.answer(QUESTION)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "API_KEY"), (404, "BASE_URL"), (400, "PROMPT_CHARS")]
)
async def test_what_cannot_pass_is_told_at_once(
    endpoint: Endpoint, model: EndpointModel, status: int, hint: str
) -> None:
    endpoint.responses = [lambda: web.Response(status=status)]
    with pytest.raises(ModelUnavailable, match=hint):
        await model.answer(QUESTION)
    assert len(endpoint.seen) == 1


async def test_another_api_is_recognised(endpoint: Endpoint, model: EndpointModel) -> None:
    endpoint.responses = [lambda: web.json_response({"error": "no"})]
    with pytest.raises(ModelUnavailable, match="OpenAI's API"):
        await model.answer(QUESTION)


async def test_nobody_there(unused_tcp_port: int) -> None:
    model = EndpointModel(
        f"http://127.0.0.1:{unused_tcp_port}/v1", "m", attempts=2, first_wait_seconds=0.01
    )
    with pytest.raises(ModelUnavailable, match="check that the endpoint runs"):
        await model.answer(QUESTION)
    await model.close()
