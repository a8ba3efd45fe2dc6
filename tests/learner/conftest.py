"""Fixtures of the learner's tests: a tiny checkpoint, samples of it, and a Ray of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import torch

from deploy.embedded.ray_cluster import ray_environment
from learner.pretrain.network import NetworkConfig, export_network, make_network
from learner.ray_session import connect
from learner.samples import Sample
from tests.clusters import own_ray

SIZES = NetworkConfig(
    vocabulary=300, hidden=32, layers=2, heads=2, kv_heads=1, head_dim=16, feed_forward=64
)  # fmt: skip
END = 1


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Barriers between threads cost more than such small networks, the more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a network of 30,000 parameters."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    network = make_network(SIZES, seed=3, end_id=END, pad_id=0)
    export_network(network, folder, dtype=torch.float32)
    return folder


@pytest.fixture(scope="session")
def drawn_samples() -> Callable[..., list[Sample]]:
    """Give the function that draws samples of uneven lengths, in groups of two."""

    def draw(count: int, *, seed: int = 0, longest: int = 40) -> list[Sample]:
        rng = Random(seed)
        found = []
        for number in range(count):
            size = rng.randint(1, 12)
            ids = tuple(rng.randrange(5, SIZES.vocabulary) for _ in range(size - 1))
            found.append(
                Sample(
                    prompt_ids=tuple(
                        rng.randrange(5, SIZES.vocabulary) for _ in range(rng.randint(2, longest))
                    ),
                    completion_ids=(*ids, END),
                    logprobs=tuple(-5.7 + rng.uniform(-0.2, 0.2) for _ in range(size)),
                    model_id="tiny",
                    group=f"g{number // 2}",
                    trajectory=f"t{number}",
                    advantage=rng.choice((-1.0, -0.5, 0.5, 1.0)),
                )
            )
        return found

    return draw


@pytest.fixture(scope="module")
def joined_ray() -> Iterator[None]:
    """Join a Ray of two CPUs for a module."""
    pytest.importorskip("ray")
    with own_ray() as cluster:
        cluster.start()
        with connect(environment=ray_environment(cluster.state_dir)):
            yield
