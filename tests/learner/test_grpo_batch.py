"""Batches: every sample exactly once, whatever the ranks; dummies count for nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from learner.grpo.batch import check, collate, denominators, plan, shards
from learner.samples import Sample

Draw = Callable[..., list[Sample]]
LENGTHS = st.lists(st.integers(2, 500), max_size=40)


@given(LENGTHS, st.integers(1, 5), st.integers(1, 1500))
def test_every_sample_is_planned_once_and_ranks_pair(
    lengths: list[int], ranks: int, tokens: int
) -> None:
    found = plan(lengths, ranks=ranks, tokens=tokens)
    assert len(found) == ranks
    assert len({len(batches) for batches in found}) == 1
    flat = [number for batches in found for batch in batches for number in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert found == plan(lengths, ranks=ranks, tokens=tokens)
    for batch in (batch for batches in found for batch in batches if len(batch) > 1):
        assert len(batch) * max(lengths[number] for number in batch) <= tokens
    assert any(found[0]) is bool(lengths)


@given(LENGTHS, st.integers(1, 5))
def test_shards_hold_like_numbers_of_tokens(lengths: list[int], ranks: int) -> None:
    loads = [sum(lengths[one] for one in ours) for ours in shards(lengths, ranks=ranks)]
    assert max(loads) - min(loads) <= max(lengths, default=0)


def test_rows_are_what_the_samples_say(drawn_samples: Draw) -> None:
    samples = drawn_samples(3)
    batch = collate(samples, [2, 0], pad_id=0)
    assert batch.samples == (2, 0)
    flat, grid = batch.ids.flatten(), torch.zeros(batch.mask.numel(), dtype=torch.int64)
    grid[batch.cells] = batch.targets
    for row, sample in enumerate((samples[2], samples[0])):
        size = len(sample.completion_ids)
        whole = [*sample.prompt_ids, *sample.completion_ids]
        assert batch.ids[row, : len(whole) - 1].tolist() == whole[:-1]
        assert grid.view_as(batch.mask)[row, :size].tolist() == list(sample.completion_ids)
        assert batch.mask[row].sum() == size == batch.mask[row, :size].sum()
        assert batch.rollout[row, :size].tolist() == pytest.approx(sample.logprobs)
    told = [*samples[2].completion_ids, *samples[0].completion_ids]
    before = [samples[2].prompt_ids[-1], *samples[2].completion_ids[:-1]]
    assert batch.targets.tolist() == told
    assert flat[batch.places].tolist()[: len(before)] == before


@given(st.integers(0, 200))
def test_a_dummy_counts_for_nothing(pad: int) -> None:
    dummy = collate([], [], pad_id=pad)
    assert dummy.mask.sum() == 0 and dummy.samples == ()
    assert (dummy.ids == pad).all()


def test_replies_that_were_cut_off_may_teach_nothing(drawn_samples: Draw) -> None:
    whole, cut = drawn_samples(2)
    cut = replace(cut, completion_ids=(*cut.completion_ids[:-1], 7))
    ends = frozenset({1})
    batch = collate([whole, cut], [0, 1], pad_id=0, end_ids=ends, mask_truncated=True)
    assert batch.mask.sum(1).tolist() == [len(whole.completion_ids), 0]
    counted = denominators([whole, cut], end_ids=ends, mask_truncated=True)
    assert (counted.sequences, counted.tokens) == (2, len(whole.completion_ids))
    kept = denominators([whole, cut], end_ids=ends, mask_truncated=False)
    assert kept.tokens == len(whole.completion_ids) + len(cut.completion_ids)


@pytest.mark.parametrize(
    "change",
    [
        {"logprobs": ()},
        {"completion_ids": (), "logprobs": ()},
        {"prompt_ids": ()},
        {"advantage": float("inf")},
        {"completion_ids": (7,), "logprobs": (float("nan"),)},
        {"completion_ids": (7,), "logprobs": (0.5,)},
    ],
)
def test_samples_that_cannot_be_read_are_refused(
    drawn_samples: Draw, change: dict[str, object]
) -> None:
    good, bad = drawn_samples(2)
    check([good])
    with pytest.raises(ValueError, match="sample 1 of trajectory 't1'"):
        check([good, replace(bad, **change)])  # type: ignore[arg-type]
