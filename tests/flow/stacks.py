"""Whole pipelines for tests: a stack in a folder of its own, with a model that a test plays.

Invariant: nothing of a stack outlives its test, even one that was killed (`tests/reaper.py` ends
the broker; the zones die with their supervisor).
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents.contracts.envelope import Event
from agents.contracts.trajectory import TrajectoryRecord
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.stack import APPROVER_RULES, Stack, StackSettings, drawn, running
from streams.tail import Tail
from streams.topic import Outsider, Topic
from streams.topics import TOPICS, TRAJECTORIES
from tests.doubles.endpoint import Reply, scale_up, serving

REAPER = Path(__file__).parents[1] / "reaper.py"
ONLY_SCALED = {"AOI_LAB__FAMILY": "scaled_to_zero", "AOI_LAB__TASK": "mitigation"}


def broker_of(stack: Stack) -> EmbeddedBroker:
    """Return the stack's own broker."""
    assert stack.broker is not None
    return stack.broker


@dataclass(slots=True)
class Seen:
    """Every event of the topics that the operator may read, by topic, as it was written."""

    by_topic: dict[str, list[Event]] = field(default_factory=dict)

    def of(self, topic: Topic) -> list[Event]:
        """Return a topic's events in the order in which they were read."""
        return self.by_topic.get(topic.name, [])

    def closed(self, namespaces: tuple[str, ...]) -> list[TrajectoryRecord]:
        """Return the trajectories of these labs."""
        facts = [event.fact for event in self.of(TRAJECTORIES)]
        return [
            fact
            for fact in facts
            if isinstance(fact, TrajectoryRecord) and fact.namespace in namespaces
        ]


@asynccontextmanager
async def pipeline(
    *,
    incidents: int,
    seed: int = 3,
    reply: Reply = scale_up,
    lab: Mapping[str, str] = ONLY_SCALED,
    zones: Mapping[str, str] | None = None,
    approver: bool = True,
) -> AsyncIterator[tuple[Stack, Seen]]:
    """Run everything, with the test's function in the model's place, and watch every topic."""
    with serving(reply) as url:
        variables = {
            "AOI_MODEL__BASE_URL": url,
            "AOI_MODEL__NAME": "scripted",
            "AOI_CLOSER__JUDGEMENT_SECONDS": "60",
        }
        async with watched(
            incidents=incidents,
            seed=seed,
            lab=lab,
            zones=variables | dict(zones or {}),
            approver=approver,
        ) as found:
            yield found


@asynccontextmanager
async def watched(
    *,
    incidents: int,
    seed: int,
    lab: Mapping[str, str],
    zones: Mapping[str, str],
    rounds: int = 1,
    approver: bool = True,
) -> AsyncIterator[tuple[Stack, Seen]]:
    """Run everything in a folder of its own, and watch every topic."""
    with own_folder() as folder:
        settings = StackSettings(
            state_dir=folder,
            seed=seed,
            incidents=incidents,
            rounds=rounds,
            # the usual one is free until another test's stack, a moment later, listens there too
            intake_port=drawn(),
            approver_rules=APPROVER_RULES if approver else None,
            lab_variables=lab,
            zone_variables=zones,
        )
        async with running(settings, lambda _: None) as stack:
            seen = Seen()
            watching = asyncio.create_task(_watch(stack, seen))
            try:
                yield stack, seen
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


@contextmanager
def own_folder() -> Iterator[Path]:
    """Give a stack's folder; nothing of it is left, even when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="aoi-flow-"))
    reaper = subprocess.Popen(
        [sys.executable, str(REAPER), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        reaper.communicate()


async def until_closed(
    stack: Stack,
    seen: Seen,
    *,
    incidents: int,
    seconds: float,
    namespaces: tuple[str, ...] | None = None,
) -> None:
    """Wait until that many incidents (of these labs) have a trajectory.

    Raises TimeoutError with the logs' ends.
    """
    names = stack.namespaces if namespaces is None else namespaces
    try:
        async with asyncio.timeout(seconds):
            while len({one.incident_id for one in seen.closed(names)}) < incidents:
                await asyncio.sleep(0.1)
    except TimeoutError:
        ends = {name: program.log.read_text()[-1500:] for name, program in stack.programs.items()}
        closed = len(seen.closed(names))
        told = "\n".join(f"== {name}\n{text}" for name, text in ends.items())
        raise TimeoutError(f"{closed} of {incidents} closed after {seconds} s\n{told}") from None


async def _watch(stack: Stack, seen: Seen) -> None:
    """Read as the operator and, where only the auditor may, as the auditor."""
    operator = [topic for topic in TOPICS if Outsider.OPERATOR in topic.readers]
    async with Tail(stack.login("operator"), operator, from_start=True) as tail:
        async for topic, event in tail:
            seen.by_topic.setdefault(topic.name, []).append(event)
