"""The loss: that of TRL 1.16 to 1e-5 in value and gradient, and one whole whatever its parts."""

import math
import warnings
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import MethodType, SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from transformers import Qwen3ForCausalLM

from learner.grpo.batch import MicroBatch, collate, denominators
from learner.grpo.loss import Denominators, GRPOLossConfig, k3, policy_loss
from learner.samples import Sample
from learner.trainer.scoring import completion_logprobs, load_network

pytestmark = pytest.mark.usefixtures("one_thread")

Draw = Callable[..., list[Sample]]
NO_END = frozenset({1})
CASES = [
    *(
        {"loss_type": kind, "importance_level": level} | extra
        for kind in ("grpo", "bnpo", "dr_grpo", "dapo", "cispo")
        for level in ("token", "sequence")
        for extra in (
            {},
            {"beta": 0.3},
            {"beta": 0.3, "bias_correction": False, "correction": "token_truncate"},
        )
    ),
    {"epsilon_low": 0.02, "epsilon_high": 0.05, "delta": 1.06},
    {"loss_type": "grpo", "delta": 1.3, "beta": 0.1},
    *(
        {"correction": kind, "correction_cap": 1.1, "correction_floor": floor}
        for kind in ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask")
        for floor in (None, 0.9)
    ),
    {"loss_type": "dr_grpo", "mask_truncated": True, "correction": "sequence_mask"},
    {"loss_type": "grpo", "mask_truncated": True},
    {"loss_type": "dapo", "mask_truncated": True, "beta": 0.1},
]


def made(case: dict[str, Any]) -> GRPOLossConfig:
    told = {"correction": "none", "max_completion_tokens": 20} | case
    if told.get("loss_type") == "cispo":
        told["epsilon_high"] = 1.05
    return GRPOLossConfig(**told)


class Alone:
    """The accelerator of one process."""

    num_processes = 1
    is_main_process = True
    autocast = staticmethod(nullcontext)

    def gather(self, value: Tensor) -> Tensor:
        return value

    def reduce(self, value: Tensor, reduction: str) -> Tensor:
        return value


@pytest.fixture(scope="module")
def trl() -> tuple[Any, Any]:
    """Give TRL's trainer class and its patch of a model's head."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL warns about itself and its optional parts
        from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: PLC0415
        from trl.trainer.utils import add_fused_lm_head  # noqa: PLC0415
    return GRPOTrainer, add_fused_lm_head


def stand_in(trainer: Any, config: GRPOLossConfig) -> Any:
    """Return what `_compute_loss` reads of a trainer, with these options."""
    found = SimpleNamespace(
        aux_loss_enabled=False,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level=config.importance_level,
        beta=config.beta,
        args=SimpleNamespace(
            use_bias_correction_kl=config.bias_correction,
            delta=config.delta,
            steps_per_generation=1,
        ),
        loss_type=config.loss_type,
        epsilon_low=config.epsilon_low,
        epsilon_high=config.epsilon_high,
        max_completion_length=config.max_completion_tokens,
        use_vllm=config.correction != "none",
        vllm_importance_sampling_correction=True,
        model=SimpleNamespace(training=True),
        current_gradient_accumulation_steps=1,
        accelerator=Alone(),
        _entropy_bonus_enabled=False,
        _metrics={"train": defaultdict(list)},
    )
    found._get_per_token_logps_and_entropies = MethodType(
        trainer._get_per_token_logps_and_entropies, found
    )
    return found


def trl_correction(config: GRPOLossConfig, old: Tensor, rollout: Tensor, mask: Tensor) -> Tensor:
    """Return the ratios as `GRPOTrainer._generate_and_score_completions` computes them."""
    gaps = (old - rollout) * mask
    if config.correction.startswith("sequence"):
        gaps = gaps.sum(dim=-1, keepdim=True)
    ratio = torch.exp(gaps)
    low, high = config.correction_floor, config.correction_cap
    if config.correction.endswith("truncate"):
        return torch.clamp(ratio, min=low, max=high)
    outside = (ratio < (-math.inf if low is None else low)) | (ratio > (high or math.inf))
    return ratio.masked_fill(outside, value=0.0)


@pytest.fixture
def networks(tiny: Path) -> dict[str, Qwen3ForCausalLM]:
    """Give the policy, and what it was before the update, when it sampled, and at first."""
    found = {}
    for seed, name in enumerate(("policy", "old", "rollout", "reference")):
        found[name] = load_network(tiny, torch.device("cpu"))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in found[name].parameters():
                value.add_(0.01 * torch.randn(value.shape, generator=generator))
    return found


def samples_of(draw: Draw) -> list[Sample]:
    found = draw(6, seed=11)
    cut = found[2].completion_ids
    return [*found[:2], replace(found[2], completion_ids=(*cut[:-1], 9)), *found[3:]]


def grids(networks: dict[str, Qwen3ForCausalLM], batch: MicroBatch) -> dict[str, Tensor]:
    with torch.no_grad():
        return {
            name: completion_logprobs(networks[name], batch)[0]
            for name in ("old", "rollout", "reference")
        }


def gradients(network: Qwen3ForCausalLM) -> Tensor:
    found = torch.cat(
        [value.grad.flatten() for value in network.parameters() if value.grad is not None]
    )
    network.zero_grad()
    return found


def ours(
    config: GRPOLossConfig,
    networks: dict[str, Qwen3ForCausalLM],
    samples: list[Sample],
    parts: list[list[int]],
) -> tuple[float, Tensor]:
    """Return loss and gradients, computed in these parts."""
    total = 0.0
    for part in parts:
        batch = collate(
            samples, part, pad_id=0, end_ids=NO_END, mask_truncated=config.mask_truncated
        )
        told = grids(networks, batch)
        loss, _ = policy_loss(
            config,
            denominators(samples, end_ids=NO_END, mask_truncated=config.mask_truncated),
            logprobs=completion_logprobs(networks["policy"], batch)[0],
            mask=batch.mask,
            advantages=batch.advantages,
            **told,
        )
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total, gradients(networks["policy"])


def trls(
    trl: tuple[Any, Any],
    config: GRPOLossConfig,
    networks: dict[str, Qwen3ForCausalLM],
    samples: list[Sample],
) -> tuple[float, Tensor]:
    """Return loss and gradients of `GRPOTrainer._compute_loss`, on rows padded as TRL pads."""
    trainer, add_fused_lm_head = trl
    batch = collate(
        samples, range(len(samples)), pad_id=0, end_ids=NO_END, mask_truncated=config.mask_truncated
    )
    told = grids(networks, batch)
    width = max(len(sample.prompt_ids) for sample in samples)
    prompts = torch.zeros(len(samples), width, dtype=torch.int64)
    completions = torch.zeros_like(batch.mask, dtype=torch.int64)
    prompt_mask, present = torch.zeros_like(prompts), torch.zeros_like(completions)
    for row, sample in enumerate(samples):
        prompts[row, width - len(sample.prompt_ids) :] = torch.tensor(sample.prompt_ids)
        prompt_mask[row, width - len(sample.prompt_ids) :] = 1
        completions[row, : len(sample.completion_ids)] = torch.tensor(sample.completion_ids)
        present[row, : len(sample.completion_ids)] = 1
    inputs = {
        "prompt_ids": prompts,
        "prompt_mask": prompt_mask,
        "completion_ids": completions,
        "completion_mask": present,
        "tool_mask": batch.mask.long(),
        "advantages": batch.advantages,
        "old_per_token_logps": told["old"],
        "ref_per_token_logps": told["reference"],
        "num_items_in_batch": batch.mask.sum(),
    }
    if config.correction != "none":
        inputs["importance_sampling_ratio"] = trl_correction(
            config, told["old"], told["rollout"], batch.mask
        )
    network = networks["policy"]
    add_fused_lm_head(network, outputs=("log_probs", "entropy"))
    loss = trainer._compute_loss(stand_in(trainer, config), network, inputs)
    loss.backward()
    return loss.item(), gradients(network)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_loss_and_gradients_are_those_of_trl(
    trl: tuple[Any, Any],
    networks: dict[str, Qwen3ForCausalLM],
    drawn_samples: Draw,
    case: dict[str, Any],
) -> None:
    config, samples = made(case), samples_of(drawn_samples)
    loss, gradient = ours(config, networks, samples, [list(range(len(samples)))])
    parts, partial = ours(config, networks, samples, [[4, 1], [], [0], [2, 3, 5]])
    expected, slopes = trls(trl, config, networks, samples)
    assert slopes.norm() > 1e-3
    assert loss == pytest.approx(expected, abs=1e-5)
    assert (gradient - slopes).abs().max() < 1e-5
    assert parts == pytest.approx(loss, abs=1e-6)
    assert (partial - gradient).norm() < 1e-5 * gradient.norm()


def test_options_are_seen_in_the_loss(
    networks: dict[str, Qwen3ForCausalLM], drawn_samples: Draw
) -> None:
    samples = samples_of(drawn_samples)
    whole = [list(range(len(samples)))]
    losses = [round(ours(made(case), networks, samples, whole)[0], 7) for case in CASES]
    # equal by definition: bnpo and dapo differ only in who counts the tokens
    equal = sum(case.get("loss_type") == "bnpo" for case in CASES)
    assert len(set(losses)) >= len(CASES) - equal


def test_sums_tell_clipping_divergence_and_correction() -> None:
    config = GRPOLossConfig(correction="token_mask", correction_cap=2.0, beta=0.1)
    old = torch.full((1, 4), -2.0)
    logprobs = old + torch.log(torch.tensor([[1.0, 1.5, 0.5, 9.0]]))
    _, sums = policy_loss(
        config,
        Denominators(sequences=1, tokens=3),
        logprobs=logprobs,
        mask=torch.tensor([[1.0, 1.0, 1.0, 0.0]]),
        advantages=torch.tensor([1.0]),
        old=old,
        rollout=old - torch.log(torch.tensor([[1.0, 3.0, 1.0, 50.0]])),
        reference=logprobs,
        entropies=torch.full((1, 4), 0.5),
    )
    told = (sums.tokens, sums.clipped_high, sums.clipped_low, sums.corrected)
    assert [int(one) for one in told] == [3, 1, 0, 1]
    assert sums.kl_reference == 0
    assert float(sums.kl_rollout) == pytest.approx(3 - math.log(3) - 1, rel=1e-5)
    assert sums.entropy == 1.5
    assert sums.stacked().shape == (8,)
    assert float(k3(torch.tensor(0.0))) == 0


def test_padding_never_overflows() -> None:
    logprobs = torch.tensor([[-1.0, 500.0]], requires_grad=True)
    loss, _ = policy_loss(
        GRPOLossConfig(correction="sequence_truncate"),
        Denominators(sequences=1, tokens=1),
        logprobs=logprobs,
        mask=torch.tensor([[1.0, 0.0]]),
        advantages=torch.tensor([1.0]),
        old=torch.tensor([[-1.0, -500.0]]),
        rollout=torch.tensor([[-1.0, -900.0]]),
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert logprobs.grad is not None and logprobs.grad.tolist() == [[-1.0, 0.0]]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"delta": 1.1}, "delta > 1"),
        ({"loss_type": "cispo"}, "cap of at least 1"),
        ({"correction_floor": 4.0}, "correction_floor < correction_cap"),
        ({"correction": "token_truncate", "correction_cap": None}, "a cap or a floor"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        GRPOLossConfig(**wrong)


@pytest.mark.parametrize("missing", [{"beta": 0.1, "correction": "none"}, {}])
def test_log_probs_that_a_loss_needs_must_be_given(missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="got none"):
        policy_loss(
            GRPOLossConfig(**missing),
            Denominators(sequences=1, tokens=1),
            logprobs=torch.zeros(1, 1),
            mask=torch.ones(1, 1),
            advantages=torch.ones(1),
        )
