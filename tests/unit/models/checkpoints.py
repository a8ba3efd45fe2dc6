"""Small checkpoints for tests: a tokenizer of 600 tokens and random weights."""

from pathlib import Path

import torch

from learner.pretrain.network import NetworkConfig, export_network, make_network
from learner.pretrain.tokenizer import save_tokenizer, train_tokenizer

TEXTS = (
    "kubectl get pods NAME READY STATUS RESTARTS AGE frontend-7d9f8b6c5-x2x9z 1/1 Running 0 3m",
    '{"summary": "pod is not ready", "target": "frontend", "action": "probe"}',
)
SIZES = NetworkConfig(
    vocabulary=600, hidden=64, layers=2, heads=4, kv_heads=2, head_dim=16, feed_forward=96,
    max_positions=256,
)  # fmt: skip


def make_checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """Write a checkpoint into the folder; weights are scaled so that tokens differ clearly."""
    tokenizer = train_tokenizer(TEXTS, SIZES.vocabulary)
    save_tokenizer(tokenizer, folder, max_positions=SIZES.max_positions)
    network = make_network(SIZES, seed=seed, end_id=1, pad_id=0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4.0)
    export_network(network, folder, dtype=torch.float32)
    return folder
