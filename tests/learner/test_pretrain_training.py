"""Tokenizer, shards and trainer: what is learned is what was shown, to the token."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from agents.contracts.model import Message
from agents.models.chat import ChatFormat
from learner.pretrain.generation import sample_of
from learner.pretrain.network import NetworkConfig, export_network, make_network
from learner.pretrain.shards import Sample, ShardStream, batches, read_shard, stack, write_shard
from learner.pretrain.tokenizer import save_tokenizer, train_tokenizer
from learner.pretrain.train import Hooks, TrainConfig, Trainer

TEXT = "LAST kubectl get pods\nferry-7d9f8-x2x9z   0/1   CrashLoopBackOff   12"
SIZES = NetworkConfig(
    vocabulary=400, hidden=32, layers=2, heads=2, kv_heads=1, head_dim=16, feed_forward=64
)  # fmt: skip


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer([TEXT] * 3, SIZES.vocabulary), folder, max_positions=4096)
    return ChatFormat(folder)


def some(count: int, *, low: int = 10, high: int = 90) -> list[Sample]:
    rng = np.random.default_rng(0)
    return [
        Sample(ids=rng.integers(5, 400, size).astype(np.uint16), prompt=int(size) // 2)
        for size in rng.integers(low, high, count)
    ]


def test_a_name_has_the_same_tokens_everywhere(chat: ChatFormat) -> None:
    name = chat.text_ids("ferry-svc")
    for around in ("x ferry-svc", "deploy/ferry-svc", '["ferry-svc"]', "\nferry-svc   1/1"):
        ids = chat.text_ids(around)
        assert any(ids[at : at + len(name)] == name for at in range(len(ids)))


def test_digits_are_single_tokens(chat: ChatFormat) -> None:
    assert len(chat.text_ids("27017")) == 5


def test_a_sample_is_prompt_then_reply_then_end(chat: ChatFormat) -> None:
    sample = sample_of(chat, TEXT, '{"a": 1}')
    prompt = chat.prompt_ids([Message(role="user", content=TEXT)])
    assert sample.ids[: sample.prompt].tolist() == prompt
    assert sample.ids[sample.prompt :].tolist() == [*chat.text_ids('{"a": 1}'), chat.end_id]


def test_shards_come_back_and_new_ones_come_first(tmp_path: Path) -> None:
    first, second = some(5), some(3, low=100, high=101)
    write_shard(tmp_path / "train-0.npz", first)
    for one, other in zip(read_shard(tmp_path / "train-0.npz"), first, strict=True):
        assert one.prompt == other.prompt
        assert one.ids.tolist() == other.ids.tolist()
    stream = ShardStream(tmp_path, seed=0)
    assert len(stream.take(5)) == 5
    assert (stream.fresh, stream.repeated) == (5, 0)
    write_shard(tmp_path / "train-1.npz", second)
    assert sum(len(sample.ids) == 100 for sample in stream.take(3)) == 3
    assert len(stream.take(4)) == 4
    assert (stream.fresh, stream.repeated) == (8, 4)


def test_batches_keep_to_their_budget() -> None:
    groups = list(batches(some(60), tokens=512, step=16))
    assert sum(map(len, groups)) == 60
    assert all(
        len(group) * -(-max(len(s.ids) for s in group) // 16) * 16 <= 512 for group in groups
    )


def test_neighbours_and_padding_change_no_loss() -> None:
    network = make_network(SIZES, seed=0, end_id=1, pad_id=0)
    trainer = Trainer(network, TrainConfig(batch_tokens=4096, bucket=32), pad_id=0)
    samples = some(4)

    def losses(group: list[Sample]) -> list[float]:
        ids, spans = stack(group, pad_id=0, step=32)
        learned = torch.zeros(ids.shape[0], ids.shape[1] - 1, dtype=torch.bool)
        learned[0, int(spans[0][0]) - 1 : int(spans[0][1]) - 1] = True
        with torch.inference_mode():
            return trainer._losses(torch.from_numpy(ids), learned).tolist()

    assert losses(samples) == pytest.approx(losses(samples[:1]), abs=1e-5)


def trained(folder: Path, steps: int, hooks: Hooks) -> Trainer:
    network = make_network(SIZES, seed=0, end_id=1, pad_id=0)
    config = TrainConfig(batch_tokens=512, warmup_steps=2, save_every=0.01, buffer=64, steps=steps)
    trainer = Trainer(network, config, pad_id=0)
    trainer.fit(ShardStream(folder, seed=0), seconds=600.0, state=folder / "s.pt", hooks=hooks)
    return trainer


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Barriers between threads cost more than such small networks, the more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_rate_ends_with_the_training(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-0.npz", some(40))
    rates: list[float] = []
    halves: list[int] = []
    hooks = Hooks(
        progress=lambda progress: rates.append(progress.rate),
        at={0.5: lambda _: halves.append(len(rates))},
    )
    trained(tmp_path, 30, hooks)
    assert len(rates) == 30
    assert max(rates) > 10 * rates[-1]
    assert halves == [15]


def test_a_state_is_resumed(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-0.npz", some(40))
    trained(tmp_path, 10, Hooks())
    steps: list[int] = []
    trained(tmp_path, 20, Hooks(progress=lambda progress: steps.append(progress.step)))
    assert steps[0] > 5
    assert steps[-1] == 20


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    samples = [Sample(ids=np.arange(5, 45, dtype=np.uint16), prompt=10)] * 32
    write_shard(tmp_path / "train-0.npz", samples)
    trainer = trained(tmp_path, 100, Hooks())
    assert trainer.validate(tmp_path / "train-0.npz") < 3.0


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.float16, 1e-2)])
def test_exports_load_with_plain_transformers(
    tmp_path: Path, dtype: torch.dtype, near: float
) -> None:
    network = make_network(SIZES, seed=0, end_id=1, pad_id=0)
    export_network(network, tmp_path, dtype=dtype)
    assert AutoModelForCausalLM.from_pretrained(tmp_path).dtype is dtype
    assert all(file.stat().st_size <= 16_000_000 for file in tmp_path.glob("*.safetensors"))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ids = torch.tensor([[7, 8, 9]])
    with torch.inference_mode():
        assert torch.allclose(loaded(ids).logits, network.eval()(ids).logits, atol=near)
