"""Questions to models, their answers, and which model serves."""

from enum import StrEnum

from pydantic import Field

from agents.contracts.ids import IncidentId, ModelId, SampleRef
from agents.contracts.model_base import Fact, Order


class ModelRole(StrEnum):
    """Which prompt a model call belongs to."""

    OBSERVER = "observer"
    PROBE = "probe"
    COMPRESSOR = "compressor"
    EVOLVER = "evolver"


class Message(Order):
    """One chat message; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


class ModelRequested(Fact):
    """A prompt and its budget. `attempt` 1 repeats a malformed reply's question, once."""

    incident_id: IncidentId
    request_id: str
    role: ModelRole
    iteration: int
    attempt: int = Field(default=0, ge=0, le=1)
    model_id: ModelId
    messages: tuple[Message, ...]
    max_tokens: int = Field(gt=0)
    seed: int = Field(ge=0)


class Usage(Order):
    """Tokens of one call."""

    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class ModelReplied(Fact):
    """The answer to one request; exactly one of `text` and `error` is set.

    sample: where the token ids and log-probs are stored; None when the endpoint gives none, which
    makes the step untrainable.
    """

    incident_id: IncidentId
    request_id: str
    role: ModelRole
    iteration: int
    attempt: int
    model_id: ModelId
    text: str | None = None
    error: str | None = None
    usage: Usage = Usage()
    sample: SampleRef | None = None


class ModelPromoted(Fact):
    """A model is current for its role from now on; open incidents keep theirs."""

    role: ModelRole
    model_id: ModelId
    location: str
    digest: str
    evaluation: dict[str, float] = Field(default_factory=dict)
    verdict: str


class ModelRolledBack(Fact):
    """A promotion is taken back; `model_id` is current again."""

    role: ModelRole
    model_id: ModelId
    location: str
    digest: str
    withdrawn: ModelId
    reason: str
