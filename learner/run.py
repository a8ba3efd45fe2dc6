"""The learner's process: joins a Ray, reads failures, takes turns until it is told to stop.

    python -m learner.run [--turns N] [--recipe standard|demo]

Invariant: SIGTERM and SIGINT end it between two steps with a whole checkpoint or with the one
before; a second learner on the same state folder does not start. Exit codes: 0 stopped or all turns
taken, 1 failed (again may help), 2 not started for want of settings or rights.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import SettingsError

from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.contracts.trajectory import Outcome
from agents.models.local import LocalModel
from agents.settings import Places
from agents.worker import AoiError, Fatal, Transient
from learner.checkpoint import Checkpoints
from learner.manifest import Manifest
from learner.models import ModelRef, reference_of
from learner.policy import RayPolicy
from learner.progress import ProgressFile
from learner.proving import Proving
from learner.ray_session import connect
from learner.recipes import RECIPES
from learner.selection import Selection
from learner.settings import LearnerSettings
from learner.source import KafkaSource
from learner.trainer.errors import TrainerError
from learner.turn import Learner, Step
from streams import history, settings_fault
from streams.logging import configure
from streams.outbox import Outbox
from streams.settings import KafkaSettings
from streams.topics import MODELS, TRAJECTORIES

STOPPED, FAILED, NOT_STARTED = 0, 1, 2
FOLDER = "learner"
RETRY_SECONDS = 5.0

T = TypeVar("T")
log = structlog.get_logger(__name__)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="python -m learner.run", description=__doc__)
    options.add_argument("--turns", type=int, help="turns to take (as many as there is work for)")
    options.add_argument("--recipe", choices=sorted(RECIPES), default="standard")
    return options


def main() -> int:
    """Run and return the exit code."""
    chosen = parser().parse_args()
    configure()
    try:
        settings = RECIPES[chosen.recipe]()
        kafka = KafkaSettings()
        with connect(settings.ray_address):
            return asyncio.run(_until_stopped(settings, kafka, Places(), chosen.turns))
    except (ValidationError, SettingsError) as error:
        return _ended(NOT_STARTED, settings_fault.told(error))
    except Fatal as error:
        return _ended(NOT_STARTED, str(error))
    except (AoiError, TrainerError) as error:
        log.exception("turn_failed")
        return _ended(FAILED, str(error))


def _ended(code: int, why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return code


async def _until_stopped(
    settings: LearnerSettings, kafka: KafkaSettings, places: Places, turns: int | None
) -> int:
    """Take turns; a signal ends the one under way by ending the task that takes it."""
    work = asyncio.create_task(run(settings, kafka, places, turns=turns))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work
    return STOPPED


async def run(
    settings: LearnerSettings,
    kafka: KafkaSettings,
    places: Places,
    *,
    turns: int | None = None,
    after: Callable[[Step], None] = lambda _: None,
) -> Manifest:
    """Take that many turns (None: for ever, one whenever failures are there).

    Raises Fatal for missing models or rights, WriterBusy, OffsetsGone, and what the parts raise.
    """
    home = places.state_dir.resolve() / FOLDER
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep_temporary_files_in(home / "tmp")
    base = reference(settings.model, "AOI_LEARN__MODEL")
    evolver = reference(settings.evolver, "AOI_LEARN__EVOLVER")
    policy = RayPolicy(settings, home / "rllib")
    repairer = LocalModel(evolver.path, max_batch=8, threads=settings.threads)
    try:
        with Checkpoints(home / "checkpoints") as checkpoints:
            async with Outbox(kafka) as outbox:
                tell = ProgressFile(home / "progress.json")
                proving = Proving(settings, repairer, policy.solve)
                learner = Learner(
                    settings=settings,
                    models=home / "models",
                    checkpoints=checkpoints,
                    source=KafkaSource(kafka),
                    outcomes=KafkaSource(
                        kafka, TRAJECTORIES, frozenset({Outcome.SUCCESS, Outcome.FAILURE})
                    ),
                    outbox=outbox,
                    evolver=proving,
                    policy=policy,
                    selection=Selection(
                        solver=policy.solve, gates=settings.gates, clock=now, tell=tell
                    ),
                    clock=now,
                    tell=tell,
                    after=after,
                )
                if checkpoints.latest() is None:
                    base = await _patiently(partial(serving, kafka, base))
                return await _turns(learner, proving, tell, base, turns)
    finally:
        policy.stop()
        repairer.close()


def _keep_temporary_files_in(folder: Path) -> None:
    """Have this process and its libraries write below the state folder, which a crash leaves."""
    folder.mkdir(mode=0o700, exist_ok=True)
    tempfile.tempdir = str(folder)


async def _turns(
    learner: Learner,
    proving: Proving,
    tell: ProgressFile,
    base: ModelRef,
    turns: int | None,
) -> Manifest:
    state = await _patiently(partial(learner.begin, base))
    taken = 0
    while turns is None or taken < turns:
        state = await _patiently(partial(learner.watched, state))
        batch = await _patiently(partial(learner.read, state))
        if turns is None and not batch.failures and not learner.rollback_due(state):
            await asyncio.sleep(learner.settings.pause_seconds)
            continue
        proving.begin(state)
        try:
            state = await learner.turn(state, batch)
        except Transient as error:
            # Kafka went away: the checkpoint tells how far the turn came, and what is owed
            log.warning("kafka_waits", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            state = await _patiently(partial(learner.begin, base))
            continue
        tell.clear()
        taken += 1
        log.info("turn_ended", turn=state.number, serving=state.current.model_id)
    return state


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask Kafka until it answers."""
    while True:
        try:
            return await ask()
        except Transient as error:
            log.warning("kafka_waits", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def serving(kafka: KafkaSettings, base: ModelRef) -> ModelRef:
    """Return the model that the topic names, or `base` where it names none that is here.

    A learner without a checkpoint needs it: another one may have promoted before.
    """
    named: ModelRef | None = None
    async for _, event in history.events(kafka, [MODELS], settled=True):
        fact = event.fact
        if isinstance(fact, ModelPromoted | ModelRolledBack) and fact.role is ModelRole.OBSERVER:
            named = ModelRef(model_id=fact.model_id, location=fact.location, digest=fact.digest)
    if named is None:
        return base
    try:
        found = reference_of(named.path).digest == named.digest
    except FileNotFoundError:
        found = False
    if not found:
        log.warning("the promoted model is not here", model=named.model_id, folder=named.location)
    return named if found else base


def reference(folder: Path | None, variable: str) -> ModelRef:
    """Return the reference of a checkpoint that a variable names. Raises Fatal."""
    if folder is None:
        raise Fatal(f"expected {variable}: the folder of a checkpoint, got nothing")
    try:
        return reference_of(folder)
    except FileNotFoundError as error:
        raise Fatal(f"{variable}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
