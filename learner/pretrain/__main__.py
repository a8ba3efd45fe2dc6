"""`python -m learner.pretrain`: the same as `aoi learn pretrain`, for hosts without typer and rich.

python -m learner.pretrain --minutes 9 --workers 15 --device cuda --out model
python -m learner.pretrain --quick --out model
python -m learner.pretrain --evaluate model --incidents 256 --device cuda
"""

# generating processes import this module again: torch stays out of them, so it is imported below

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learner.pretrain.config import PretrainConfig
    from learner.pretrain.train import Progress

TOLD_EVERY = 5.0


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="python -m learner.pretrain", description=__doc__)
    options.add_argument("--out", type=Path, default=Path("model"), help="folder of the result")
    options.add_argument("--work", type=Path, help="folder of shards and states (OUT/work)")
    options.add_argument("--store", help="float32, float16 or bfloat16 in the files")
    options.add_argument("--quick", action="store_true", help="all parts, small, in ten minutes")
    options.add_argument("--minutes", type=float, default=9.0, help="wall clock for everything")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workers", type=int, default=2, help="generating processes")
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--early", type=float, default=0.0, help="share at which to save early")
    options.add_argument("--hidden", type=int, help="width of the network")
    options.add_argument("--layers", type=int, help="depth of the network")
    options.add_argument("--rate", type=float, help="peak learning rate")
    options.add_argument("--evaluate", type=Path, help="only evaluate this checkpoint")
    options.add_argument("--incidents", type=int, help="incidents of the evaluation")
    options.add_argument("--split", default="A", help="families of the evaluation")
    return options


def config_of(chosen: argparse.Namespace) -> "PretrainConfig":
    """Return the run that the options describe."""
    from learner.pretrain.config import full, quick  # noqa: PLC0415 - loads torch, `--help` does not

    if chosen.quick:
        return quick(chosen.out, seed=chosen.seed, workers=chosen.workers)
    config = full(
        chosen.out,
        minutes=chosen.minutes,
        seed=chosen.seed,
        workers=chosen.workers,
        device=chosen.device,
        early=chosen.early,
    )
    network, train = config.network, config.train
    if chosen.hidden:
        heads = max(2, chosen.hidden // 64)
        sizes = {"hidden": chosen.hidden, "heads": heads, "feed_forward": 3 * chosen.hidden}
        network = network.model_copy(update={**sizes, "kv_heads": heads // 2 or 1})
    if chosen.layers:
        network = network.model_copy(update={"layers": chosen.layers})
    if chosen.rate:
        train = train.model_copy(update={"peak_rate": chosen.rate})
    changed: dict[str, object] = {"network": network, "train": train, "work": chosen.work}
    if chosen.store:
        changed["store"] = chosen.store
    if chosen.incidents is not None:
        changed["incidents"] = chosen.incidents
    return config.model_copy(update=changed)


def main() -> None:
    """Run."""
    from learner.pretrain.recipe import measure, pretrain  # noqa: PLC0415 - loads torch, `--help` does not

    chosen = parser().parse_args()
    started = time.monotonic()
    told = [0.0]

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f}] {text}", flush=True)  # noqa: T201 - progress at a terminal

    def show(progress: "Progress") -> None:
        if time.monotonic() - told[0] < TOLD_EVERY:
            return
        told[0] = time.monotonic()
        say(line_of(progress))

    if chosen.evaluate:
        report = measure(
            chosen.evaluate,
            count=chosen.incidents or 256,
            at_once=128,
            device=chosen.device,
            split=chosen.split,
        )
        for line in report.lines():
            say(line)
        return
    command = shlex.join(["python", "-m", "learner.pretrain", *sys.argv[1:]])
    pretrain(config_of(chosen), command=command, say=say, show=show)


def line_of(progress: "Progress") -> str:
    """Return the progress on one line."""
    return (
        f"{100 * progress.share:5.1f} %  step {progress.step}  loss {progress.loss:.4f}  "
        f"rate {progress.rate:.1e}  {progress.tokens / 1e6:.1f} M tokens  "
        f"{progress.tokens_per_second / 1e3:.0f} k/s  samples {progress.fresh} fresh "
        f"{progress.repeated} repeated"
    )


if __name__ == "__main__":
    main()
