"""Measures the local model: `python tests/bench/bench_model.py [CHECKPOINT]` (random weights else).

Prints generated tokens a second with 1, 4, 8 and 16 incidents at once, 900-token prompts, prefill
counted, completions of 90 tokens.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import torch

from agents.contracts.model import Message
from agents.models.local import LocalModel
from agents.models.protocol import Question
from learner.pretrain.network import NetworkConfig, export_network, make_network
from learner.pretrain.tokenizer import save_tokenizer, train_tokenizer

PROMPT_TOKENS, REPLY_TOKENS = 900, 90


def make_checkpoint(folder: Path, config: NetworkConfig) -> Path:
    """Write a checkpoint with random weights."""
    texts = [Path(__file__).read_text(encoding="utf-8"), "pod-7d9f default Running 1/1 0 3m12s"]
    save_tokenizer(train_tokenizer(texts, config.vocabulary), folder, max_positions=4096)
    network = make_network(config, seed=0, end_id=1, pad_id=0)
    export_network(network, folder, dtype=torch.float32)
    return folder


async def measure(model: LocalModel, callers: int) -> float:
    """Return generated tokens a second for that many callers."""
    word = "pod "
    per_word = len(model.chat.text_ids(word))
    text = word * (PROMPT_TOKENS // per_word)

    async def ask(seed: int) -> int:
        question = Question(
            messages=(Message(role="user", content=text),),
            max_tokens=REPLY_TOKENS,
            seed=seed,
            temperature=1.0,
        )
        return (await model.answer(question)).usage.completion_tokens

    started = time.perf_counter()
    counts = await asyncio.gather(*(ask(seed) for seed in range(callers)))
    return sum(counts) / (time.perf_counter() - started)


async def main() -> None:
    """Measure every load with float32 and bfloat16."""
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            path = Path(sys.argv[1])
        else:
            path = make_checkpoint(Path(scratch) / "random", NetworkConfig())
        for dtype in ("float32", "bfloat16"):
            model = LocalModel(path, dtype=dtype)
            await measure(model, 2)
            for callers in (1, 4, 8, 16):
                rate = await measure(model, callers)
                print(f"{dtype:9} {callers:3} at once: {rate:7.0f} tok/s", flush=True)  # noqa: T201 - the result
            model.close()


if __name__ == "__main__":
    asyncio.run(main())
