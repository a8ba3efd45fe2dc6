"""The three handles over HTTP: each class has the methods of its right and no other.

Invariant: a connection error, a time-out, a status that the lab does not use for its own refusals
or a body that can't be read is `EnvironmentUnavailable`, never an empty output or another error.
"""

from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.command import Command
from agents.environments.protocol import (
    ActionRejected,
    EnvironmentUnavailable,
    ObjectMoved,
    Output,
)
from agents.environments.remote.wire import (
    ActionAsked,
    ErrorTold,
    HealthTold,
    OutputTold,
    ReadAsked,
    Route,
    VersionsAsked,
    VersionsTold,
)

T = TypeVar("T", bound=BaseModel)
OK = 200
FORBIDDEN = 403
MOVED = 412
REFUSALS = {409, MOVED, 422}
TOLD_CHARS = 200


@dataclass(slots=True, kw_only=True)
class Connection:
    """One role's session with the lab. `timeout` in seconds for a whole call."""

    url: str
    token: str
    timeout: float = 30.0
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def ask(self, route: Route, body: BaseModel, answer: type[T]) -> T:
        """Post a body and return the typed answer.

        Raises ActionRejected for the lab's refusal, of which ObjectMoved is one, and
        EnvironmentUnavailable when it is away, has failed or can't be understood: whether it did
        what was asked is then unknown.
        """
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                headers={"Authorization": f"Bearer {self.token}"},
            )
        try:
            async with self._session.post(
                f"{self.url}{route}",
                data=body.model_dump_json(),
                headers={"Content-Type": "application/json"},
            ) as response:
                raw = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EnvironmentUnavailable(f"{self.url}{route}: {error!r}") from error
        if status == FORBIDDEN:
            raise ActionRejected(f"the lab refused this token for {route}")
        if status != OK and status not in REFUSALS:
            start = raw[:TOLD_CHARS].decode(errors="replace")
            raise EnvironmentUnavailable(
                f"{self.url}{route}: expected 200, 403, 409, 412 or 422, got {status}: {start}"
            )
        try:
            if status == OK:
                return answer.model_validate_json(raw)
            refusal = ErrorTold.model_validate_json(raw)
        except ValidationError as error:
            raise EnvironmentUnavailable(
                f"{self.url}{route}: can't read the body of a {status}: {error}"
            ) from error
        raise (ObjectMoved if status == MOVED else ActionRejected)(refusal.message)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


def _output(told: OutputTold) -> Output:
    return Output(
        text=told.text,
        exit_code=told.exit_code,
        seconds=told.seconds,
        redactions=told.redactions,
    )


@dataclass(slots=True)
class RemoteRead:
    """`ReadHandle` of the Probe."""

    connection: Connection

    async def read(self, command: Command) -> Output:
        """Run a read; the lab's refusal is an output with exit code 1, as kubectl's would be."""
        try:
            told = await self.connection.ask(Route.READ, ReadAsked(command=command), OutputTold)
        except ActionRejected as error:
            return Output(text=str(error), exit_code=1)
        return _output(told)


@dataclass(slots=True)
class RemotePreview:
    """`PreviewHandle` of the preview role."""

    connection: Connection

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action."""
        return await self.connection.ask(Route.PREVIEW, ActionAsked(action=action), Preview)


@dataclass(slots=True)
class RemoteWrite:
    """`WriteHandle` of the Executor."""

    connection: Connection

    async def preview(self, action: Action) -> Preview:
        """Dry-run an action."""
        return await RemotePreview(self.connection).preview(action)

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        """Do an action."""
        asked = ActionAsked(action=action, touched=touched)
        try:
            told = await self.connection.ask(Route.ACT, asked, OutputTold)
        except ObjectMoved:
            raise
        except ActionRejected as error:
            return Output(text=str(error), exit_code=1)
        return _output(told)

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return present versions; an object of a lab that is gone counts as moved."""
        if not touched:
            return ()
        try:
            told = await self.connection.ask(
                Route.VERSIONS, VersionsAsked(touched=touched), VersionsTold
            )
        except ActionRejected:
            return tuple(t.model_copy(update={"resource_version": "gone"}) for t in touched)
        return told.touched

    async def verify(self, action: Action) -> tuple[bool, str]:
        """Return whether what the action touched is healthy."""
        try:
            told = await self.connection.ask(Route.VERIFY, ActionAsked(action=action), HealthTold)
        except ActionRejected as error:
            return False, str(error)
        return told.healthy, told.detail
