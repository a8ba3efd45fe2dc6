"""Keeps a role's policy equal to its folder: a look every few seconds, no restart, no inotify.

Invariant: the policy is exchanged on the event loop between two events, never within one; an edit
that is refused changes nothing, is logged with its error, and shows in health and metrics until
the folder is right again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from agents.policy.reload import PolicyFolder
from agents.policy.rulebook import PolicyInvalid
from agents.roles import Role
from streams.metrics import POLICY_REFUSED

TICK_SECONDS = 2.0

log = structlog.get_logger(__name__)


class PolicyWatch:
    """The companion of a role that decides by policy. An edit holds after two to three ticks."""

    def __init__(
        self,
        role: Role,
        folder: PolicyFolder,
        *,
        tick_seconds: float = TICK_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.role = role
        self.folder = folder
        self._tick_seconds = tick_seconds
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        POLICY_REFUSED.labels(role=str(self.role)).set(0)
        policy = self.folder.policy
        log.info(
            "policy in force", role=self.role, version=policy.version, at=str(self.folder.path)
        )
        self._task = asyncio.create_task(self._run(), name=f"{self.role}-policy")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def note(self) -> str | None:
        """What `/ready` says of a refused edit; None while the folder is right."""
        if self.folder.trouble is None:
            return None
        return f"version {self.folder.policy.version[:12]} stays: {self.folder.trouble}"

    async def look(self) -> None:
        """Look once, and exchange the policy where the folder holds another that is right."""
        found = await asyncio.to_thread(self.folder.look)  # a load takes longer than an event
        if found is None:
            return
        before = self.folder.policy.version
        self.folder.settle(found)
        refused = isinstance(found, PolicyInvalid)
        POLICY_REFUSED.labels(role=str(self.role)).set(int(refused))
        if refused:
            log.error("policy edit refused", role=self.role, version=before, error=str(found))
        else:
            log.info(
                "policy in force",
                role=self.role,
                version=self.folder.policy.version,
                before=before,
                at=str(self.folder.path),
            )

    async def _run(self) -> None:
        while True:
            await self._sleep(self._tick_seconds)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the policy in force stays; the next tick looks again
                log.warning("policy not looked at", role=self.role, error=repr(error)[:500])
