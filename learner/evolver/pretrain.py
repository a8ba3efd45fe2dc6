"""`python -m learner.evolver.pretrain`: trains the embedded Evolver on corrupted -> expert pairs.

    [ generators x N: pairs ] --shards--> [ trainer, from --init ] --> export --> evaluation, card

python -m learner.evolver.pretrain --minutes 6 --workers 13 --device cuda --out model
python -m learner.evolver.pretrain --quick --out model

Invariant: tokenizer and sizes are those of the checkpoint that it starts from.
"""

# generating processes import this module again: torch stays out of them, so it is imported below

import argparse
import asyncio
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from agents.models.chat import ChatFormat
from learner.evolver import measure
from learner.evolver.pairs import Pairing, pairs
from learner.pretrain.generation import Generators, produced, sample_of
from learner.pretrain.shards import ShardStream, write_shard

if TYPE_CHECKING:
    from learner.pretrain.train import Progress, TrainConfig

TRAIN_SEEDS, VALID_SEEDS = 1 << 45, 1 << 43
ROOT = Path(__file__).parents[2]
MODELS = ROOT / "deploy" / "models"
SHIPPED = MODELS / "observer-6m"
EARLY = MODELS / "observer-6m-early"
TEMPLATE = MODELS / "evolver_card.md"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
TOLD_EVERY = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. minutes: wall clock for everything, `reserve` seconds of it for the evaluation.

    limit: incidents in all, None for no end. failures: of each kind in the evaluation.
    """

    out: Path
    init: Path
    observer: Path
    minutes: float
    workers: int
    device: str
    seed: int
    rate: float
    limit: int | None
    failures: int
    valid: int
    reserve: float
    at_once: int

    @property
    def work(self) -> Path:
        """Where a run keeps what nobody needs after it."""
        return self.out / "work"

    def training(self) -> "TrainConfig":
        """Return how to train on this device."""
        from learner.pretrain.train import TrainConfig  # noqa: PLC0415 - loads torch

        cuda = self.device.startswith("cuda")
        return TrainConfig(
            seed=self.seed,
            device=self.device,
            batch_tokens=65_536 if cuda else 4096,
            compiled=cuda,
            peak_rate=self.rate,
            warmup_steps=100 if cuda else 20,
            buffer=2048 if cuda else 256,
            prompt_share=0.05,
        )


def pretrain(run: Run, *, command: str, say: Say, show: "Callable[[Progress], None]") -> None:
    """Run everything: pairs, training, export, evaluation, card."""
    from learner.pretrain import card, network, train  # noqa: PLC0415 - loads torch

    started = time.monotonic()
    chat = _prepared(run)
    valid = [p for n in range(run.valid) for p in pairs(VALID_SEEDS + n, flaws=1)]
    write_shard(
        run.work / "valid.npz",
        [sample_of(chat, p.lesson.prompt, p.lesson.reply) for p in valid],
    )
    say(f"{len(valid)} pairs for validation")
    model = network.load_network(run.init)
    parameters = network.parameters_of(model)
    say(f"training {parameters:,} parameters on {card.hardware_of(run.device)}")
    trainer = train.Trainer(model, run.training(), pad_id=chat.pad_id)
    base = TRAIN_SEEDS + run.seed * (1 << 24)
    with Generators(run.work / "shards", run.work / "tokenizer", base=base, make=Pairing()) as made:
        made.start(run.workers, limit=run.limit)
        left = run.minutes * 60 - (time.monotonic() - started) - run.reserve
        if left <= 0:
            raise ValueError(f"expected time left for training of {run.minutes} minutes, none is")
        trained = time.monotonic()
        progress = trainer.fit(
            ShardStream(run.work / "shards", seed=run.seed),
            seconds=left,
            state=run.work / "state.pt",
            hooks=train.Hooks(progress=show),
        )
        made.check()
    minutes = (time.monotonic() - trained) / 60
    validation = trainer.validate(run.work / "valid.npz")
    say(f"validation loss {validation:.4f} after {progress.tokens:,} tokens")
    _export(run, model)
    told, _ = produced(run.work / "shards")
    facts = {
        "name": run.out.name,
        "parameters": f"{parameters:,}",
        "command": command,
        "init": run.init.name,
        "seed": run.seed,
        "commit": card.commit_of(ROOT),
        "versions": card.versions_of(),
        "hardware": card.hardware_of(run.device),
        "minutes": f"{minutes:.1f}",
        "steps": f"{progress.step:,}",
        "tokens": f"{progress.tokens:,}",
        "fresh": f"{progress.fresh:,}",
        "repeated": f"{progress.repeated:,}",
        "incidents": f"{told.demonstrations:,}",
        "failed": f"{told.failed:,}",
        "validation": f"{validation:.4f}",
    }
    lines, shares = evaluated(run, say)
    _card(run, facts, lines, shares)
    say(f"{run.out}: {time.monotonic() - started:.0f} s in all")


def evaluated(run: Run, say: Say) -> tuple[list[str], dict[str, dict[str, object]]]:
    """Return the evaluation of the exported model, as Markdown and as numbers."""
    from agents.models.local import LocalModel  # noqa: PLC0415 - loads torch

    failures = {"spoiled": measure.spoiled(run.failures)}
    if run.observer.is_dir():
        observer = LocalModel(run.observer, max_batch=run.at_once, device=run.device)
        own = asyncio.run(measure.failures_of(observer, 2 * run.failures))
        observer.close()
        failures[f"own of {run.observer.name}"] = own
    evolver = LocalModel(run.out, max_batch=run.at_once, device=run.device)
    lines, numbers = [*measure.HEAD], dict[str, dict[str, object]]()
    for kind, listed in failures.items():
        for name, shares in asyncio.run(measure.measure(evolver, listed)).items():
            lines.append(shares.line(f"{kind}, {name}"))
            numbers[f"{kind}, {name}"] = asdict(shares)
    evolver.close()
    for line in lines:
        say(line)
    return lines, numbers


def _prepared(run: Run) -> ChatFormat:
    """Copy the tokenizer of the checkpoint to start from, and return its chat format."""
    for folder in (run.out, run.work / "tokenizer"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in TOKENIZER:
            (folder / name).write_bytes((run.init / name).read_bytes())
    return ChatFormat(run.out)


def _export(run: Run, model: object) -> None:
    import torch  # noqa: PLC0415 - see above
    from transformers import Qwen3ForCausalLM  # noqa: PLC0415 - see above

    from learner.pretrain.network import export_network  # noqa: PLC0415 - loads torch

    assert isinstance(model, Qwen3ForCausalLM)  # noqa: S101 - `load_network` returns nothing else
    export_network(model, run.out, dtype=torch.float16)


def _card(
    run: Run,
    facts: dict[str, object],
    lines: list[str],
    shares: dict[str, dict[str, object]],
) -> None:
    from learner.models import reference_of  # noqa: PLC0415 - used once

    digest = reference_of(run.out).digest
    text = Template(TEMPLATE.read_text(encoding="utf-8"))
    told = facts | {"dtype": "float16", "digest": digest, "evaluation": "\n".join(lines)}
    (run.out / "README.md").write_text(text.substitute(told), encoding="utf-8")
    (run.out / "evaluation.json").write_text(json.dumps(shares, indent=1) + "\n", encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="python -m learner.evolver.pretrain")
    options.add_argument("--out", type=Path, default=Path("evolver"), help="folder of the result")
    options.add_argument("--init", type=Path, default=SHIPPED, help="checkpoint to start from")
    options.add_argument("--observer", type=Path, default=EARLY, help="whose failures to evaluate")
    options.add_argument("--quick", action="store_true", help="all parts, small, in minutes")
    options.add_argument("--minutes", type=float, default=6.0, help="wall clock for everything")
    options.add_argument("--workers", type=int, default=2, help="generating processes")
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    options.add_argument("--evaluate", action="store_true", help="only evaluate what --out holds")
    return options


def run_of(chosen: argparse.Namespace) -> Run:
    """Return the run that the options describe."""
    quick, cuda = chosen.quick, chosen.device.startswith("cuda")
    return Run(
        out=chosen.out,
        init=chosen.init,
        observer=chosen.observer,
        minutes=3.0 if quick else chosen.minutes,
        workers=chosen.workers,
        device=chosen.device,
        seed=chosen.seed,
        rate=chosen.rate,
        limit=120 if quick else None,
        failures=8 if quick else 240,
        valid=6 if quick else 120,
        reserve=60.0 if quick else 75.0 if cuda else 240.0,
        at_once=256 if cuda else 16,
    )


def main() -> None:
    """Run."""
    chosen = parser().parse_args()
    started, told = time.monotonic(), [0.0]

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f}] {text}", flush=True)  # noqa: T201 - progress at a terminal

    def show(progress: "Progress") -> None:
        from learner.pretrain.__main__ import line_of  # noqa: PLC0415 - see above

        if time.monotonic() - told[0] >= TOLD_EVERY:
            told[0] = time.monotonic()
            say(line_of(progress))

    run = run_of(chosen)
    if chosen.evaluate:
        evaluated(run, say)
        return
    command = shlex.join(["python", "-m", "learner.evolver.pretrain", *sys.argv[1:]])
    pretrain(run, command=command, say=say, show=show)


if __name__ == "__main__":
    main()
