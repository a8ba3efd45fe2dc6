"""How the state after an act is read: a few times, and a state that can't be read is neither."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from agents.contracts.action import Action
from agents.contracts.execution import Verification
from agents.environments.protocol import EnvironmentUnavailable, WriteHandle
from agents.policy.redact import redact

LOOKS = 3
LOOK_SECONDS = 1.0


async def look(
    cluster: WriteHandle, action: Action, wait: Callable[[float], Awaitable[None]]
) -> Verification:
    """Return what is seen of an act; raises `EnvironmentUnavailable` when every look fails."""
    looks = AsyncRetrying(
        retry=retry_if_exception_type(EnvironmentUnavailable),
        stop=stop_after_attempt(LOOKS),
        wait=wait_fixed(LOOK_SECONDS),
        sleep=wait,
        reraise=True,
    )
    seen: tuple[bool, str] = await looks(cluster.verify, action)
    healthy, detail = seen
    return Verification(healthy=healthy, detail=redact(detail).text)


async def look_or_tell(
    cluster: WriteHandle, action: Action, wait: Callable[[float], Awaitable[None]]
) -> Verification:
    """Return what is seen of an act, or, as not healthy, that nothing is."""
    try:
        return await look(cluster, action, wait)
    except EnvironmentUnavailable as error:
        return unread(error)


def unread(error: EnvironmentUnavailable) -> Verification:
    """Return the verification of a state that could not be read."""
    return Verification(healthy=False, detail=redact(f"could not be read: {error}").text)
