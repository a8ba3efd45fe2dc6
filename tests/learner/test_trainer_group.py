"""The group: ranks are one learner, failures are loud and quick, and a rebuild continues."""

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from learner.samples import Sample
from learner.trainer.actors import ActorWorkers
from learner.trainer.config import LearnerConfig
from learner.trainer.errors import LearnerGroupFailed
from learner.trainer.group import GroupConfig, LearnerGroup

pytestmark = [
    pytest.mark.usefixtures("joined_ray", "one_thread"),
    pytest.mark.slow,
    pytest.mark.timeout(400),  # actors import torch and transformers anew
]

Draw = Callable[..., list[Sample]]


def config(tiny: Path, **changes: Any) -> LearnerConfig:
    return LearnerConfig(
        checkpoint=tiny, rate=1e-3, threads=1, micro_tokens=128, collective_seconds=60.0, **changes
    )


@contextmanager
def group(told: LearnerConfig, learners: int, **limits: Any) -> Iterator[LearnerGroup]:
    started = LearnerGroup(told, GroupConfig(learners=learners, cpus_per_learner=0.25, **limits))
    try:
        yield started
    finally:
        started.shutdown()


@pytest.fixture(scope="module")
def shared(tiny: Path) -> Iterator[LearnerGroup]:
    with group(config(tiny), 2, start_seconds=300.0) as started:
        yield started


@pytest.fixture
def pair(shared: LearnerGroup) -> LearnerGroup:
    """Give two actors that tests share, for their start takes longest; rebuilt after a failure."""
    if not shared.running:
        shared.rebuild()
    return shared


def actors(of: LearnerGroup) -> list[Any]:
    workers = of._workers
    assert isinstance(workers, ActorWorkers)
    return list(workers.actors)


def far(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """Return the distance of two sets of weights, relative to their norm."""
    assert ours.keys() == theirs.keys()
    gap = sum(float((ours[name] - theirs[name]).double().square().sum()) for name in ours)
    size = sum(float(ours[name].double().square().sum()) for name in ours)
    return math.sqrt(gap / size)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_two_learners_compute_what_one_does(
    tiny: Path, tmp_path: Path, pair: LearnerGroup, drawn_samples: Draw, count: int
) -> None:
    samples = drawn_samples(count, seed=count)
    with group(config(tiny), 0) as alone:
        alone.save(tmp_path / "start")
        pair.load(tmp_path / "start")
        for _ in range(2):
            expected, found = alone.update(samples), pair.update(samples)
            assert found.grad_norm == pytest.approx(expected.grad_norm, rel=1e-5)
            assert found.loss == pytest.approx(expected.loss, rel=1e-5, abs=1e-7)
            assert found.kl_rollout == pytest.approx(expected.kl_rollout, rel=1e-4)
            assert (found.sequences, found.steps) == (count, min(count, 1))
            assert (found.moved > 0) is (count > 0)
            assert count or found.note == "no sequences"
        assert far(alone.weights(), pair.weights()) < 1e-5


def test_gradients_of_two_learners_are_those_of_one(
    tiny: Path, tmp_path: Path, pair: LearnerGroup, drawn_samples: Draw
) -> None:
    def gradients(worker: Any, samples: list[Sample]) -> list[torch.Tensor]:
        taken: list[torch.Tensor] = []
        add = worker._ranks.add_

        def spy(tensors: list[torch.Tensor]) -> None:
            add(tensors)
            taken.extend(tensor.clone() for tensor in tensors[:-1])

        worker._ranks.add_ = spy
        try:
            worker.update(samples)
        finally:
            worker._ranks.add_ = add
        return taken

    samples = drawn_samples(7)
    with group(config(tiny), 0) as alone:
        alone.save(tmp_path / "start")
        pair.load(tmp_path / "start")
        expected = gradients(alone._workers._worker, samples)  # type: ignore[union-attr]
    both = ray.get([one.__ray_call__.remote(gradients, samples) for one in actors(pair)])
    for found in both:
        gap = sum(float((a - b).square().sum()) for a, b in zip(found, expected, strict=True))
        assert (gap / sum(float(one.square().sum()) for one in expected)) ** 0.5 < 1e-5


def test_a_state_continues_on_another_number_of_learners(
    tiny: Path, tmp_path: Path, pair: LearnerGroup, drawn_samples: Draw
) -> None:
    first, second = drawn_samples(6, seed=1), drawn_samples(5, seed=2)
    with group(config(tiny), 0) as alone:
        alone.update(first)
        alone.save(tmp_path / "one")
        alone.update(second)
        assert pair.load(tmp_path / "one") != alone.digest()
        pair.update(second)
        assert far(alone.weights(), pair.weights()) < 1e-5
        pair.save(tmp_path / "two")
        digest = pair.digest()
        alone.load(tmp_path / "two")
        assert alone.digest() == digest


def test_a_state_continues_exactly(tmp_path: Path, pair: LearnerGroup, drawn_samples: Draw) -> None:
    first, second = drawn_samples(6, seed=1), drawn_samples(5, seed=2)
    pair.update(first)
    pair.save(tmp_path / "kept")
    expected = pair.update(second)
    pair.load(tmp_path / "kept")
    assert pair.update(second).digest == expected.digest


def test_an_exception_on_one_rank_surfaces_at_once(pair: LearnerGroup, drawn_samples: Draw) -> None:
    def break_it(worker: Any) -> None:
        def boom(*_: Any) -> None:
            raise ValueError("a broken rank")

        worker._learn = boom

    ray.get(actors(pair)[1].__ray_call__.remote(break_it))
    began = time.monotonic()
    with pytest.raises(LearnerGroupFailed, match="rank 1 failed: ValueError: a broken rank"):
        pair.update(drawn_samples(4))
    assert time.monotonic() - began < 5
    assert not pair.running
    with pytest.raises(LearnerGroupFailed, match=r"a broken rank.*rebuild"):
        pair.update(drawn_samples(4))


def test_a_killed_rank_is_told_and_rebuilt(
    tmp_path: Path, pair: LearnerGroup, drawn_samples: Draw
) -> None:
    samples = drawn_samples(6)
    pair.update(samples)
    digest = pair.save(tmp_path / "kept")
    step = pair.update(samples).step
    pid = ray.get(actors(pair)[1].__ray_call__.remote(lambda _: os.getpid()))
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(LearnerGroupFailed, match="update: rank"):
        pair.update(samples)
    assert time.monotonic() - began < 10
    pair.rebuild()
    assert pair.digest() == digest
    assert pair.update(samples).step == step


def test_ranks_that_disagree_are_told(pair: LearnerGroup, drawn_samples: Draw) -> None:
    def go_astray(worker: Any) -> None:
        worker._parameters[0].data[0] += 1.0

    ray.get(actors(pair)[1].__ray_call__.remote(go_astray))
    with pytest.raises(LearnerGroupFailed, match="RanksDisagree"):
        pair.update(drawn_samples(4))


def test_a_late_rank_is_given_up(tiny: Path, drawn_samples: Draw) -> None:
    def slow_down(worker: Any) -> None:
        worker._learn = lambda *_: time.sleep(600)

    with group(config(tiny), 1, update_seconds=2.0) as started:
        ray.get(actors(started)[0].__ray_call__.remote(slow_down))
        with pytest.raises(LearnerGroupFailed, match=r"within 2 s, missing"):
            started.update(drawn_samples(4))


def test_rebuilds_have_a_budget_that_an_update_renews(
    tiny: Path, tmp_path: Path, drawn_samples: Draw
) -> None:
    with group(config(tiny), 0, retries=2) as alone:
        alone.save(tmp_path / "kept")
        for _ in range(3):
            alone.rebuild()
            alone.update(drawn_samples(2))
        alone.shutdown()
        (tmp_path / "kept" / "trainer.pt").unlink()
        with pytest.raises(LearnerGroupFailed, match=r"2 rebuilds, got none.*FileNotFound"):
            alone.rebuild()
        assert not alone.running


def test_actors_that_cannot_start_are_told(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(LearnerGroupFailed, match="start: rank 0 failed"):
        LearnerGroup(config(tmp_path / "nothing"))
    with pytest.raises(LearnerGroupFailed, match="too few free CPUs"):
        LearnerGroup(config(tiny), GroupConfig(learners=1, cpus_per_learner=64, start_seconds=1.0))


def test_rllib_sees_weights_and_a_folder(tmp_path: Path, pair: LearnerGroup) -> None:
    state = pair.get_state(components="learner/rl_module", inference_only=True)["learner"]
    assert set(state) == {"rl_module", "weights_seq_no"}
    assert far(state["rl_module"], pair.weights()) == 0  # type: ignore[arg-type]
    path = pair.save_to_path(tmp_path / "state")
    pair.restore_from_path(path)
    with pytest.raises(FileNotFoundError):
        pair.restore_from_path(tmp_path)
    with pytest.raises(LearnerGroupFailed, match="load"):
        pair.set_state({"learner": {}})
    assert pair.running and pair.is_remote and not pair.is_local
