"""The model card: what was run, on what, from which commit, and how good the result is.

Invariant: every number in a card was measured by the run that wrote it.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from string import Template

import torch
import transformers

from learner.pretrain.evaluate import Report

TEMPLATE = Path(__file__).parents[2] / "deploy" / "models" / "card.md"


def write_card(folder: Path, facts: Mapping[str, object], report: Report | None) -> Path:
    """Write README.md and evaluation.json beside the weights; return the card's path."""
    text = Template(TEMPLATE.read_text(encoding="utf-8"))
    told = "\n".join(report.lines()) if report else "Not evaluated."
    card = folder / "README.md"
    card.write_text(text.substitute(facts, evaluation=told), encoding="utf-8")
    if report is not None:
        shares = {key: value for key, value in asdict(report).items() if key != "results"}
        text_of = json.dumps(shares | {"incidents": len(report.results)}, indent=1)
        (folder / "evaluation.json").write_text(text_of + "\n", encoding="utf-8")
    return card


def commit_of(root: Path) -> str:
    """Return the commit of the code, with `+changes` if the tree differs from it."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *words],  # noqa: S607 - git of whoever trains
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return "unknown"
    return f"{head}+changes" if git("status", "--porcelain") else head


def hardware_of(device: str) -> str:
    """Return the machine in words."""
    cores = f"{os.cpu_count()} CPU cores"
    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name()}, {cores}"
    return f"{cores} ({platform.machine()})"


def versions_of() -> str:
    """Return the versions that matter for repeating the run."""
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}"
    )
