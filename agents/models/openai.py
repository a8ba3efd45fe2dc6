"""Any OpenAI-compatible endpoint as a model: vLLM, a gateway, a hosted service.

Invariant: a call ends in an `Answer` or in `ModelUnavailable`, within its time; token ids are those
that the endpoint reports (vLLM's `return_token_ids`) and are never made up here by re-tokenising.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from agents.contracts.ids import ModelId
from agents.contracts.model import Usage
from agents.models.protocol import Answer, ModelUnavailable, Question

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
MAX_SHOWN = 300
LOG = structlog.get_logger(__name__)
HINTS: Mapping[int, str] = {
    400: "check the model's context length and AOI_OBSERVER__PROMPT_CHARS",
    401: "check AOI_MODEL__API_KEY",
    403: "check AOI_MODEL__API_KEY and the key's rights",
    404: "check AOI_MODEL__BASE_URL (it ends with /v1) and AOI_MODEL__NAME",
    429: "the endpoint's rate limit is reached",
}


class _Busy(Exception):
    """A failure that may pass: retried, then told as `ModelUnavailable`."""


class EndpointModel:
    """Speaks `/chat/completions`; `base_url` ends with the version, such as `http://host:8000/v1`.

    token_ids: ask for prompt and completion ids (vLLM only; others may refuse the field).
    extra: further fields of the request body, such as `{"chat_template_kwargs": {...}}`.
    """

    def __init__(  # noqa: PLR0913 - what an endpoint is
        self,
        base_url: str,
        name: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 120.0,
        attempts: int = 4,
        token_ids: bool = False,
        logprobs: bool = True,
        first_wait_seconds: float = 0.5,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._name = name
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._attempts = attempts
        self._token_ids = token_ids
        self._logprobs = logprobs
        self._first_wait = first_wait_seconds
        self._extra = dict(extra or {})
        self._session: aiohttp.ClientSession | None = None

    @property
    def model_id(self) -> ModelId:
        """The name under which the endpoint serves the model."""
        return ModelId(self._name)

    async def answer(self, question: Question) -> Answer:
        """Answer one question. Raises `ModelUnavailable`."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Busy),
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=self._first_wait, max=20.0),
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            value: dict[str, Any] = await retrying(self._post, self._body(question))
        except _Busy as error:
            raise ModelUnavailable(f"{self._url}: {error}; tried {self._attempts} times") from None
        return self._answer(value)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _body(self, question: Question) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self._name,
            "messages": [message.model_dump() for message in question.messages],
            "max_tokens": question.max_tokens,
            "temperature": question.temperature,
            "seed": question.seed,
        }
        if self._logprobs:
            body["logprobs"] = True
        if self._token_ids:
            body["return_token_ids"] = True
        return body | self._extra

    async def _post(self, body: Mapping[str, object]) -> dict[str, Any]:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        try:
            async with self._session.post(self._url, json=body) as response:
                if response.status in RETRIED:
                    raise _Busy(f"HTTP {response.status}: {(await response.text())[:MAX_SHOWN]}")
                if response.status != HTTPStatus.OK:
                    shown = (await response.text())[:MAX_SHOWN]
                    hint = HINTS.get(response.status, "check the endpoint's log")
                    raise ModelUnavailable(f"{self._url}: HTTP {response.status}: {shown}; {hint}")
                value = await response.json(content_type=None)
        except TimeoutError:
            raise ModelUnavailable(
                f"{self._url}: no answer in {self._timeout.total} s; check the endpoint's load or "
                "raise AOI_MODEL__TIMEOUT_SECONDS"
            ) from None
        except aiohttp.ClientConnectionError as error:
            raise _Busy(f"no connection ({error}); check that the endpoint runs") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise _Busy(f"unreadable answer: {error}") from error
        if not isinstance(value, dict):
            raise _Busy(f"expected a JSON object, got {type(value).__name__}")
        return value

    def _answer(self, value: Mapping[str, Any]) -> Answer:
        try:
            choice = value["choices"][0]
            text = choice["message"].get("content") or ""
            usage = value.get("usage") or {}
            listed = (choice.get("logprobs") or {}).get("content")
            logprobs = tuple(float(item["logprob"]) for item in listed) if listed else None
            prompt_ids = _ids(value.get("prompt_token_ids"))
            completion_ids = _ids(choice.get("token_ids"))
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelUnavailable(
                f"{self._url}: no chat completion in the answer ({error!r}); "
                "check that the endpoint speaks OpenAI's API"
            ) from None
        if (
            prompt_ids is None
            or completion_ids is None
            or len(completion_ids) != len(logprobs or ())
        ):
            prompt_ids = completion_ids = logprobs = None
        return Answer(
            text=text,
            usage=Usage(
                prompt_tokens=int(usage.get("prompt_tokens") or 0),
                completion_tokens=int(usage.get("completion_tokens") or 0),
            ),
            model_id=self.model_id,
            prompt_ids=prompt_ids,
            completion_ids=completion_ids,
            logprobs=logprobs,
        )


def _ids(value: object) -> tuple[int, ...] | None:
    return tuple(int(item) for item in value) if isinstance(value, list) and value else None


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    LOG.warning("model_call_repeated", attempt=state.attempt_number, error=str(error))
