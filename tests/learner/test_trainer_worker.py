"""One rank: updates are all or nothing, cost no precision, and are proven by what moved."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from learner.samples import Sample
from learner.trainer.config import LearnerConfig
from learner.trainer.errors import (
    NonFiniteUpdate,
    StateMismatch,
    WeightsDidNotMove,
    WeightSyncMismatch,
)
from learner.trainer.weights import apply, same_logprobs, weights_digest
from learner.trainer.worker import LearnerWorker

pytestmark = pytest.mark.usefixtures("one_thread")

Draw = Callable[..., list[Sample]]


def worker(tiny: Path, **changes: Any) -> LearnerWorker:
    told = {"rate": 1e-3, "threads": 1, "micro_tokens": 128} | changes
    return LearnerWorker(LearnerConfig(checkpoint=tiny, **told))


def honest(learner: LearnerWorker, samples: list[Sample]) -> list[Sample]:
    """Return the samples with log-probs that the present weights give."""
    return [
        replace(sample, logprobs=tuple(row))
        for sample, row in zip(samples, learner.logprobs(samples), strict=True)
    ]


def test_log_probs_are_those_of_the_plain_model(tiny: Path, drawn_samples: Draw) -> None:
    samples = drawn_samples(9)
    network = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    for sample, found in zip(samples, worker(tiny).logprobs(samples), strict=True):
        ids = torch.tensor([[*sample.prompt_ids, *sample.completion_ids]])
        with torch.inference_mode():
            every = network(ids).logits.log_softmax(-1)[0, len(sample.prompt_ids) - 1 : -1]
        expected = every.gather(1, torch.tensor(sample.completion_ids)[:, None])[:, 0]
        assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_an_update_raises_what_was_good_and_lowers_what_was_bad(
    tiny: Path, drawn_samples: Draw
) -> None:
    learner = worker(tiny)
    samples = honest(learner, drawn_samples(8))
    report = learner.update(samples)
    assert report.kl_rollout == pytest.approx(0, abs=1e-6)
    assert (report.sequences, report.steps, report.step, report.note) == (8, 1, 1, "")
    assert report.tokens == sum(len(one.completion_ids) for one in samples)
    assert report.clipped == report.corrected == 0
    assert 0 < report.moved <= 1.01e-3
    assert report.digest == learner.digest() == weights_digest(learner.weights())
    for sample, row in zip(samples, learner.logprobs(samples), strict=True):
        assert (sum(row) - sum(sample.logprobs)) * sample.advantage > 0


@pytest.mark.parametrize("micro_tokens", [1, 100, 10_000])
def test_micro_batches_change_no_update(tiny: Path, drawn_samples: Draw, micro_tokens: int) -> None:
    samples = drawn_samples(7)
    one, other = worker(tiny, micro_tokens=64), worker(tiny, micro_tokens=micro_tokens)
    assert other.update(samples).loss == pytest.approx(one.update(samples).loss, rel=1e-5)
    ours, theirs = (
        torch.cat([value.flatten() for value in each.weights().values()]) for each in (one, other)
    )
    assert (ours - theirs).norm() < 1e-5 * ours.norm()


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_to_learn_is_no_step(tiny: Path, drawn_samples: Draw, *, empty: bool) -> None:
    learner = worker(tiny, weight_decay=0.1)
    learner.update(drawn_samples(3))
    digest = learner.digest()
    flat = [] if empty else [replace(one, advantage=0.0) for one in drawn_samples(3)]
    report = learner.update(flat)
    assert (report.steps, report.step, report.moved) == (0, 1, 0)
    assert report.note == ("no sequences" if empty else "no gradient")
    assert report.digest == digest == learner.digest()


def test_several_passes_clip_and_are_ordered_by_the_seed(tiny: Path, drawn_samples: Draw) -> None:
    several = {"iterations": 3, "minibatches": 2, "rate": 2e-3}
    learner = worker(tiny, **several)
    samples = honest(learner, drawn_samples(7))
    report = learner.update(samples)
    assert 2 < report.steps == report.step <= 6  # all clipped: no gradient, no step
    assert report.clipped > 0
    again, other = worker(tiny, **several), worker(tiny, seed=1, **several)
    assert again.update(samples).digest == report.digest != other.update(samples).digest


def test_the_reference_stays_when_a_state_is_loaded(
    tiny: Path, tmp_path: Path, drawn_samples: Draw
) -> None:
    loss = {"loss_type": "grpo", "beta": 0.5}
    learner = worker(tiny, loss=loss)
    samples = drawn_samples(4)
    assert learner.update(samples).kl_reference == pytest.approx(0, abs=1e-6)
    learner.save(tmp_path / "kept")
    expected = learner.update(samples)
    assert expected.kl_reference > 1e-6
    resumed = worker(tiny, loss=loss)
    resumed.load(tmp_path / "kept")
    found = resumed.update(samples)
    assert (found.digest, found.kl_reference) == (expected.digest, expected.kl_reference)


def test_warmup_raises_the_rate(tiny: Path, drawn_samples: Draw) -> None:
    learner = worker(tiny, warmup_steps=4)
    rates = [learner.update(drawn_samples(2)).rate for _ in range(5)]
    assert rates == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3])


def test_gradients_that_are_no_numbers_apply_nothing(tiny: Path, drawn_samples: Draw) -> None:
    learner = worker(tiny, iterations=2)
    learner.update(drawn_samples(3))
    before, state = learner.digest(), learner.state()
    add = learner._ranks.add_
    calls = []

    def poisoned(tensors: list[torch.Tensor]) -> None:
        calls.append(len(tensors))
        if len(calls) > 2:  # the first of the two steps is sound
            tensors[0][0] = torch.nan
        add(tensors)

    learner._ranks.add_ = poisoned  # type: ignore[method-assign, assignment]
    with pytest.raises(NonFiniteUpdate, match="nothing was applied"):
        learner.update(drawn_samples(3))
    learner._ranks.add_ = add  # type: ignore[method-assign]
    assert learner.digest() == before
    assert learner.step == state.step == 2
    control = worker(tiny, iterations=2)
    control.update(drawn_samples(3))
    samples = drawn_samples(4, seed=5)
    assert learner.update(samples).digest == control.update(samples).digest


def test_a_step_that_is_lost_is_told(tiny: Path, drawn_samples: Draw) -> None:
    learner = worker(tiny)
    learner._optimizer.step = lambda: None  # type: ignore[method-assign, assignment]
    with pytest.raises(WeightsDidNotMove, match="none moved"):
        learner.update(drawn_samples(3))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_checkpoint_serves_and_continues_exactly(
    tiny: Path, tmp_path: Path, drawn_samples: Draw, dtype: str
) -> None:
    learner, samples = worker(tiny), drawn_samples(5)
    learner.update(samples)
    digest = learner.save(tmp_path / "kept", dtype)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "kept").dtype is getattr(torch, dtype)
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(FileExistsError):
        learner.save(tmp_path / "kept")
    expected = learner.update(samples)
    resumed = worker(tiny)
    assert resumed.load(tmp_path / "kept") == digest == resumed.digest()
    assert resumed.update(samples).digest == expected.digest


def test_parts_of_two_checkpoints_do_not_go_together(
    tiny: Path, tmp_path: Path, drawn_samples: Draw
) -> None:
    learner = worker(tiny)
    learner.save(tmp_path / "one")
    learner.update(drawn_samples(3))
    learner.save(tmp_path / "two")
    (tmp_path / "one" / "trainer.pt").replace(tmp_path / "two" / "trainer.pt")
    before = learner.digest()
    with pytest.raises(StateMismatch, match="expected weights"):
        learner.load(tmp_path / "two")
    with pytest.raises(FileNotFoundError, match=r"trainer\.pt"):
        learner.load(tmp_path / "one")
    assert learner.digest() == before


def test_weights_go_whole_or_not_at_all(tiny: Path, drawn_samples: Draw) -> None:
    learner = worker(tiny)
    learner.update(drawn_samples(3))
    network = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    weights = learner.weights()
    name = next(iter(weights))
    before = weights_digest(network.state_dict())
    for wrong in ({name: weights[name]}, weights | {name: weights[name][1:]}):
        with pytest.raises(WeightSyncMismatch):
            apply(network, wrong)
    assert weights_digest(network.state_dict()) == before
    apply(network, weights)
    assert weights_digest(network.state_dict()) == learner.digest()


def test_a_probe_tells_other_weights_apart(tiny: Path, drawn_samples: Draw) -> None:
    learner, samples = worker(tiny), drawn_samples(3)
    expected = learner.logprobs(samples)
    assert same_logprobs(expected, expected, 1e-6) == 0
    learner.update(samples)
    with pytest.raises(WeightSyncMismatch, match="probe 0, token 0"):
        same_logprobs(expected, learner.logprobs(samples), 1e-6)
    with pytest.raises(WeightSyncMismatch, match="got nan"):
        same_logprobs([[0.0]], [[float("nan")]], 1.0)
    with pytest.raises(WeightSyncMismatch, match="lengths"):
        same_logprobs([[0.0]], [[]], 1.0)


def test_half_precision_stays_near(tiny: Path, drawn_samples: Draw) -> None:
    samples = drawn_samples(5)
    exact, near = worker(tiny), worker(tiny, precision="bfloat16", recompute=True)
    assert near.update(samples).loss == pytest.approx(exact.update(samples).loss, abs=0.05)
    assert all(value.dtype is torch.float32 for value in near.weights().values())


def test_an_untied_head_is_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(
        text.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false')
    )
    with pytest.raises(ValueError, match="tied"):
        worker(tmp_path)


def test_the_worker_needs_no_ray_and_no_lab() -> None:
    unwanted = ("ray", "pydantic_settings", "orjson", "agents", "streams", "faust")
    code = (
        "import sys, learner.trainer.worker, learner.grpo.advantages\n"
        f"print([name for name in {unwanted} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert told.stdout.strip() == "[]"
