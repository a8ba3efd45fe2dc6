"""The learner's driver dies behind every step of a turn: no failure is lost, none counts twice.

Each run finds two failures more than the one before, and dies one step later; the guidance of every
failure is on the topic once, however often it was made.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from agents.contracts.guidance import GuidancePublished
from deploy.embedded.ray_cluster import RayCluster
from learner.checkpoint import latest
from learner.manifest import Manifest
from learner.source import KafkaSource
from learner.turn import Step
from streams import history
from streams.topics import GUIDANCE
from tests.clusters import own_ray
from tests.conftest import Space
from tests.doubles.failures import failed, written

pytest.importorskip("ray")
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]
A_RUN = 2


async def learn(space: Space, cluster: RayCluster, step: str = "none") -> int:
    """Run a learner to the end of a turn or to its death; return the exit code."""
    file = space.broker.credential_file("learner")
    words = [str(cluster.state_dir), str(file), space.prefix, step]
    environment = {
        name: said for name, said in os.environ.items() if not name.startswith(("AOI_", "RAY_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.flow.learner_process", *words,
        cwd=Path(__file__).parents[2], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    code = process.returncode
    assert code in (0, -signal.SIGKILL), out.decode(errors="replace")[-4000:]
    return code


def manifest(cluster: RayCluster) -> Manifest | None:
    found = latest(cluster.state_dir / "learner" / "checkpoints")
    return None if found is None else found[1]


async def guided(space: Space) -> Counter[str]:
    """Count the guidance on the topic by the incident that it came from."""
    counts = Counter[str]()
    async for _, event in history.events(space.login("admin"), [GUIDANCE]):
        assert isinstance(event.fact, GuidancePublished)
        counts[event.fact.provenance[0]] += 1
    return counts


async def test_killed_behind_every_step_nothing_is_lost_and_nothing_counts_twice(
    space: Space,
) -> None:
    with own_ray() as cluster:
        await asyncio.to_thread(cluster.start)
        made = 0

        async def more() -> None:
            nonlocal made
            await written(space, *(failed(made + n) for n in range(A_RUN)))
            made += A_RUN

        for step in (Step.SOURCE, Step.EVOLVE, Step.TRAIN, Step.JUDGE):
            await more()
            assert await learn(space, cluster, step) == -signal.SIGKILL
            assert manifest(cluster) is None
            assert await guided(space) == {}

        # the checkpoint is whole and nothing is published: the next start pays first
        assert await learn(space, cluster, Step.CHECKPOINT) == -signal.SIGKILL
        state = manifest(cluster)
        assert state is not None
        assert (len(state.ingested), len(state.outbox), await guided(space)) == (made, made, {})

        await more()
        assert await learn(space, cluster, Step.PUBLISH) == -signal.SIGKILL
        assert sum((await guided(space)).values()) == made

        await more()
        assert await learn(space, cluster) == 0
        state = manifest(cluster)
        assert state is not None
        everything = {f"incident-{number}" for number in range(made)}
        assert set(state.ingested) == {f"{name}/0" for name in everything}
        assert [one.failures for one in state.turns] == [made - 2 * A_RUN, A_RUN, A_RUN]
        assert sum(one.repeats for one in state.turns) == 0
        assert await KafkaSource(space.login("learner")).lag(state.offsets) == 0
        assert await guided(space) == dict.fromkeys(everything, 1)
