"""The order of it all, within one budget of wall-clock time.

    survey (demonstrations) -> tokenizer, guides -> [ generators x N ] --shards--> [ trainer ]
                                                                                       |
                       card <- evaluation <- export (early and final) <----------------+

Invariant: generation and training run at the same time; the trainer never waits for a shard that
is not there yet, it repeats older ones. Nothing of a run outlives it but the folder `out`.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import Qwen3ForCausalLM
from transformers.utils import logging

from agents.models.chat import ChatFormat
from agents.models.local import LocalModel
from learner.pretrain import card
from learner.pretrain.config import PretrainConfig
from learner.pretrain.demonstrations import Demonstration
from learner.pretrain.evaluate import Report, evaluate
from learner.pretrain.generation import Demonstrating, Generators, produced, sampled, samples_of
from learner.pretrain.guides import pool_of
from learner.pretrain.network import export_network, make_network, parameters_of
from learner.pretrain.shards import ShardStream, write_shard
from learner.pretrain.tokenizer import save_tokenizer, train_tokenizer
from learner.pretrain.train import Hooks, Progress, Trainer

SURVEY_SEEDS, TRAIN_SEEDS = 1 << 44, 1 << 32
VALIDATION_SHARE = 10
ROOT = Path(__file__).parents[2]

Say = Callable[[str], None]
Show = Callable[[Progress], None]


def pretrain(config: PretrainConfig, *, command: str, say: Say, show: Show) -> Report | None:
    """Run everything; return the evaluation, or None when none was asked for."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    started = time.monotonic()
    out, work = config.out, config.work_folder
    work.mkdir(parents=True, exist_ok=True)
    runs = _survey(config, say)
    chat = _tokenizer(config, runs, say)
    write_shard(work / "valid.npz", [s for run in _held(runs) for s in samples_of(chat, run)])
    pool = pool_of((r.scenario.family, r.scenario.task, r.lines) for r in runs if not r.guide)
    network = make_network(config.network, seed=config.seed, end_id=chat.end_id, pad_id=chat.pad_id)
    parameters = parameters_of(network)
    say(f"training {parameters:,} parameters on {card.hardware_of(config.train.device)}")
    trainer = Trainer(network, config.train, pad_id=chat.pad_id)
    hooks = Hooks(progress=show)
    if config.early:
        hooks.at[config.early] = lambda half: _export(half, config, out / "early", say)
    base = TRAIN_SEEDS + config.seed * (1 << 24)
    making = Demonstrating(pool=pool)
    with Generators(work / "shards", work / "tokenizer", base=base, make=making) as generators:
        generators.start(config.workers, limit=config.limit)
        left = config.minutes * 60 - (time.monotonic() - started) - config.reserve
        if left <= 0:
            raise ValueError(
                f"expected time left for training, {config.minutes} minutes are spent before it; "
                "raise --minutes"
            )
        trained = time.monotonic()
        progress = trainer.fit(
            ShardStream(work / "shards", seed=config.seed),
            seconds=left,
            state=work / "state.pt",
            hooks=hooks,
        )
        generators.check()
    minutes = (time.monotonic() - trained) / 60
    validation = trainer.validate(work / "valid.npz")
    say(f"validation loss {validation:.4f} after {progress.tokens:,} tokens")
    _export(network, config, out, say)
    made, failures = produced(work / "shards")
    (out / "demonstrations.json").write_text(json.dumps(failures, indent=1), encoding="utf-8")
    report = _evaluated(config, say) if config.incidents else None
    facts = {
        "name": out.name,
        "parameters": f"{parameters:,}",
        "vocabulary": f"{config.network.vocabulary:,}",
        "command": command,
        "seed": config.seed,
        "commit": card.commit_of(ROOT),
        "versions": card.versions_of(),
        "hardware": card.hardware_of(config.train.device),
        "minutes": f"{minutes:.1f}",
        "steps": f"{progress.step:,}",
        "tokens": f"{progress.tokens:,}",
        "fresh": f"{progress.fresh:,}",
        "repeated": f"{progress.repeated:,}",
        "demonstrations": f"{made.demonstrations:,}",
        "failed": f"{made.failed:,}",
        "validation": f"{validation:.4f}",
        "dtype": config.store,
        "digest": _digest(out),
    }
    card.write_card(out, facts, report)
    say(f"{out}: {time.monotonic() - started:.0f} s in all")
    return report


def _survey(config: PretrainConfig, say: Say) -> list[Demonstration]:
    base = SURVEY_SEEDS + config.seed * (1 << 24)
    shown = sampled(base, config.survey, config.workers)
    solved = [run for run in shown if run.success]
    say(f"survey: the expert solved {len(solved)} of {len(shown)}")
    if not solved:
        raise RuntimeError("expected solved incidents in the survey, found none; check the lab")
    return solved


def _held(runs: list[Demonstration]) -> list[Demonstration]:
    return runs[::VALIDATION_SHARE]


def _tokenizer(config: PretrainConfig, runs: list[Demonstration], say: Say) -> ChatFormat:
    texts = [f"{lesson.prompt}\n{lesson.reply}" for run in runs for lesson in run.lessons]
    tokenizer = train_tokenizer(texts, config.network.vocabulary)
    for folder in (config.out, config.work_folder / "tokenizer"):
        save_tokenizer(tokenizer, folder, max_positions=config.network.max_positions)
    chat = ChatFormat(config.out)
    sizes = sorted(
        len(chat.text_ids(lesson.prompt)) for run in runs[:200] for lesson in run.lessons
    )
    say(
        f"tokenizer of {chat.size} tokens; prompts have {sum(sizes) / len(sizes):.0f} on average, "
        f"{sizes[int(len(sizes) * 0.95)]} at the 95th percentile, {sizes[-1]} at most"
    )
    return chat


def _export(network: Qwen3ForCausalLM, config: PretrainConfig, folder: Path, say: Say) -> None:
    """Write weights, and the tokenizer where it is not there yet."""
    export_network(network, folder, dtype=getattr(torch, config.store))
    for file in (config.work_folder / "tokenizer").iterdir():
        if not (folder / file.name).exists():
            (folder / file.name).write_bytes(file.read_bytes())
    say(f"exported {folder}")


def _evaluated(config: PretrainConfig, say: Say) -> Report:
    report = measure(
        config.out, count=config.incidents, at_once=config.at_once, device=config.train.device
    )
    for line in report.lines():
        say(line)
    return report


def measure(
    path: Path, *, count: int, at_once: int, device: str = "cpu", split: str = "A", first: int = 0
) -> Report:
    """Evaluate the checkpoint of a folder."""
    model = LocalModel(path, max_batch=at_once, device=device)
    try:
        return asyncio.run(evaluate(model, count=count, at_once=at_once, split=split, first=first))
    finally:
        model.close()


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(file.read_bytes())
    return f"SHA-256 {digest.hexdigest()}"
