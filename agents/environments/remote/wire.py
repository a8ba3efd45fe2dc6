"""What travels between a handle and the lab's server.

Invariant: a token opens the routes of its right and no other; the routes are named here once.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from agents.contracts.action import Action, Touched
from agents.contracts.command import Command
from agents.contracts.model_base import Order


class Right(StrEnum):
    """What a token may do."""

    READ = "read"
    PREVIEW = "preview"
    WRITE = "write"


class Route(StrEnum):
    """The server's paths."""

    READ = "/v1/read"
    PREVIEW = "/v1/preview"
    ACT = "/v1/act"
    VERSIONS = "/v1/versions"
    VERIFY = "/v1/verify"


OPENS: dict[Route, frozenset[Right]] = {
    Route.READ: frozenset({Right.READ}),
    Route.PREVIEW: frozenset({Right.PREVIEW, Right.WRITE}),  # who may act may ask what would be
    Route.ACT: frozenset({Right.WRITE}),
    Route.VERSIONS: frozenset({Right.WRITE}),
    Route.VERIFY: frozenset({Right.WRITE}),
}


class ReadAsked(Order):
    """A read to run."""

    command: Command


class ActionAsked(Order):
    """An action to dry-run, do or verify; `touched`: do it on these versions alone."""

    action: Action
    touched: Annotated[tuple[Touched, ...], Field(max_length=1000)] | None = None


class VersionsAsked(Order):
    """Objects whose present versions are wanted."""

    touched: Annotated[tuple[Touched, ...], Field(max_length=1000)]


class OutputTold(Order):
    """The redacted text of a command; without `redactions` the teller did not redact it."""

    text: str
    exit_code: int
    seconds: float
    redactions: int | None = None


class VersionsTold(Order):
    """Present versions."""

    touched: tuple[Touched, ...]


class HealthTold(Order):
    """Whether what an action touched is healthy."""

    healthy: bool
    detail: str


class ErrorTold(Order):
    """Why there is no answer; `rejected` marks the API server's own refusal."""

    rejected: bool
    message: str
