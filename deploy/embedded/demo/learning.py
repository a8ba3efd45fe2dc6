"""The learner's turn within a demo: Ray up, one bounded turn as a program of its own, Ray down.

Invariant: whatever was started here has ended when `turn` is left, however it is left. A turn that
fails or takes too long is told, never raised: the demo goes on with the model that it has.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.demo.progress import Progress, ProgressFile
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.learner_process import LearnerProcess
from deploy.embedded.ray_cluster import RayCluster, ray_environment
from deploy.embedded.settings import RaySettings
from deploy.embedded.shipped import learner_variables
from deploy.embedded.stack import Stack, credentials
from deploy.embedded.supervisor import Program, Supervisor
from learner.checkpoint import CheckpointError, latest
from learner.manifest import TurnTold

MODULE = "learner.run"
NAME = "learner"
POLL_SECONDS = 0.25
NO_VERDICT = "none"
MARK = "stack.ray"
"""Says that the running Ray is a demo's own, so that a later one may end it."""

Show = Callable[[Iterable[Progress], float], None]
"""Hears the steps that were told of so far, and the seconds that the turn has taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What came of the turn. failed: why it did not end well, or empty. told: what it wrote."""

    seconds: float
    log: Path
    failed: str = ""
    told: TurnTold | None = None

    @property
    def verdict(self) -> str:
        """The verdict on the candidate, `none` where none was judged."""
        judged = None if self.told is None else self.told.judgement
        return NO_VERDICT if judged is None else judged.verdict


def program(stack: Stack, ray: Mapping[str, str]) -> Program:
    """Return the learner as the demo runs it: one turn of the small recipe, its own Kafka user."""
    state = stack.state
    return Program(
        name=NAME,
        module=MODULE,
        arguments=("--turns", "1", "--recipe", "demo"),
        log=state / "log" / "learner.log",
        restart=False,
        environment={
            **credentials(state, "learner", own=stack.broker is not None),
            **ray,
            "AOI_STATE_DIR": str(state),
            **learner_variables(state),
        },
    )


async def turn(stack: Stack, show: Show, *, limit: float) -> Learned:
    """Let the learner take one turn on a Ray of this state folder; `limit` in seconds, all in."""
    started = time.monotonic()
    if (busy := LearnerProcess(stack.state).running()) is not None:
        return Learned(
            seconds=0.0,
            log=LearnerProcess(stack.state).log,
            failed=f"a learner runs already in this state folder (process {busy.process.pid}): "
            "end it with `aoi learn stop`, or run `aoi demo --no-learn`",
        )
    try:
        async with ray(stack.state) as environment:
            left = limit - (time.monotonic() - started)
            return await bounded(
                stack.supervisor,
                program(stack, environment),
                stack.state / "learner",
                show,
                limit=left,
            )
    except EmbeddedError as error:
        log = RayCluster(stack.state).log
        return Learned(seconds=time.monotonic() - started, log=log, failed=str(error))


async def bounded(
    supervisor: Supervisor, program: Program, folder: Path, show: Show, *, limit: float
) -> Learned:
    """Run the program to its end or to the limit, and tell what it wrote into its folder."""
    file = ProgressFile(path=folder / "progress.json")
    await asyncio.to_thread(file.path.unlink, missing_ok=True)
    before = await asyncio.to_thread(_turn, folder)
    started = time.monotonic()
    await supervisor.start(program)
    ended = asyncio.create_task(supervisor.ended(program.name))
    failed = ""
    try:
        while not ended.done():
            seconds = time.monotonic() - started
            if seconds > limit:
                failed = f"it was ended after {limit:.0f} s; {program.log} tells how far it came"
                break
            await asyncio.wait((ended,), timeout=POLL_SECONDS)
            await asyncio.to_thread(file.read)
            show(file.steps.values(), seconds)
        if ended.done() and ended.result() != 0:
            failed = f"it ended with exit code {ended.result()}; {program.log} tells why"
    finally:
        ended.cancel()
        await supervisor.end(program.name)
    after = await asyncio.to_thread(_turn, folder)
    fresh = (
        after if after is not None and (before is None or after.number > before.number) else None
    )
    if not failed and fresh is None:
        failed = f"it ended without a checkpoint; {program.log} tells why"
    return Learned(seconds=time.monotonic() - started, log=program.log, failed=failed, told=fresh)


@contextlib.asynccontextmanager
async def ray(state: Path) -> AsyncIterator[dict[str, str]]:
    """Give the variables that join this state folder's Ray, which runs as long as the block.

    One that somebody keeps or started stays, one that a killed demo left is taken over. Raises
    RayNotStarted or StateUnusable.
    """
    if (address := RaySettings().ray_address) is not None:
        yield {"RAY_ADDRESS": address}
        return
    cluster = RayCluster(state)
    mark = state / MARK
    someone_s = cluster.status().running and not mark.exists()
    try:
        if not someone_s:
            await asyncio.to_thread(mark.touch)
        # an interrupted start goes on in its thread; `stop` waits for it
        await asyncio.to_thread(cluster.start)
        yield ray_environment(state)
    finally:
        if not someone_s:
            await asyncio.to_thread(cluster.stop)
            await asyncio.to_thread(mark.unlink, missing_ok=True)


def _turn(folder: Path) -> TurnTold | None:
    """Return the latest turn of the newest checkpoint; none where there is none to be read."""
    try:
        found = latest(folder / "checkpoints")
    except CheckpointError:
        return None
    return found[1].turns[-1] if found is not None and found[1].turns else None
