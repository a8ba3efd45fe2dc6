"""The checkpoint of a learner: a model folder that any server loads, and what training needs more.

Invariant: a folder appears whole or not at all; weights, optimizer and step are of one moment,
told by the digest of the weights in training precision.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import Qwen3ForCausalLM

from learner.pretrain.network import export_network
from learner.trainer.errors import StateMismatch
from learner.trainer.weights import TIED, weights_digest

FILE = "trainer.pt"
FORMAT = 1
REPLACED = frozenset({FILE, "config.json", "README.md", "evaluation.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerState:
    """What an exact continuation needs. weights: float32 on the CPU; optimizer: AdamW's own."""

    step: int
    digest: str
    optimizer: dict[str, object]
    weights: dict[str, Tensor]


def write_checkpoint(
    folder: Path,
    network: Qwen3ForCausalLM,
    state: TrainerState,
    *,
    origin: Path,
    dtype: torch.dtype,
) -> None:
    """Write the folder aside, sync it, and give it its name.

    origin: whose tokenizer and other small files go along; its card and evaluation, which tell of
    other weights, do not. The state holds the weights too if the export is not float32. Raises
    FileExistsError.
    """
    if folder.exists():
        raise FileExistsError(f"expected no {folder}; a checkpoint is never overwritten")
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for file in sorted(origin.iterdir()):
        if file.is_file() and file.name not in REPLACED and ".safetensors" not in file.name:
            shutil.copyfile(file, aside / file.name)
    export_network(network, aside, dtype=dtype)
    torch.save(
        {
            "format": FORMAT,
            "step": state.step,
            "digest": state.digest,
            "optimizer": state.optimizer,
            "weights": None if dtype is torch.float32 else state.weights,
        },
        aside / FILE,
    )
    for file in aside.iterdir():
        _sync(file)
    _sync(aside)
    aside.rename(folder)
    _sync(folder.parent)


def read_state(folder: Path, device: torch.device) -> TrainerState:
    """Return the state of a checkpoint, the optimizer's on the device, weights on the CPU.

    Raises FileNotFoundError without `trainer.pt`; StateMismatch for another format, or weights
    whose digest is not the one that was saved.
    """
    if not (folder / FILE).exists():
        raise FileNotFoundError(
            f"expected {folder / FILE}; a folder without it can be trained from, not continued"
        )
    saved = torch.load(folder / FILE, map_location=device, weights_only=True)
    if saved["format"] != FORMAT:
        raise StateMismatch(f"expected format {FORMAT} of {FILE}, got {saved['format']}")
    given = saved["weights"]
    weights = (
        {name: value.cpu() for name, value in given.items()}
        if given is not None
        else _exported(folder)
    )
    digest = weights_digest(weights)
    if digest != saved["digest"]:
        raise StateMismatch(
            f"expected weights {saved['digest'][:12]} beside {folder / FILE}, got {digest[:12]}"
        )
    return TrainerState(
        step=int(saved["step"]),
        digest=digest,
        optimizer=saved["optimizer"],
        weights=weights,
    )


def _exported(folder: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= load_file(file)
    weights.pop(TIED, None)
    return weights


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
