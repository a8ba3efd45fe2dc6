"""The ranks of one learner on one host: sums, agreement, and nothing at all when it is alone.

Invariant: ranks meet through a file and talk over the loopback interface; no port is opened to a
network. Every collective has a limit of time.
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from learner.trainer.errors import RanksDisagree

BUCKET = 16_777_216
"""Numbers summed at once: 64 MB of float32."""


class Ranks:
    """One process' place among its like."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        if not 0 <= rank < size:
            raise ValueError(f"expected a rank below {size}, got {rank}")
        self.rank = rank
        self.size = size

    def join(self, meeting: Path, device: torch.device, *, seconds: float) -> None:
        """Wait for the others at a file that all name alike and that no earlier group has used."""
        backend, interface = (
            ("nccl", "NCCL_SOCKET_IFNAME")
            if device.type == "cuda"
            else ("gloo", "GLOO_SOCKET_IFNAME")
        )
        os.environ[interface] = "lo"
        dist.init_process_group(
            backend,
            store=dist.FileStore(str(meeting), self.size),  # type: ignore[attr-defined]  # exported by name only
            rank=self.rank,
            world_size=self.size,
            timeout=timedelta(seconds=seconds),
        )

    def add_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor with its sum over the ranks; all ranks get the same bits."""
        if self.size == 1:
            return
        bucket: list[Tensor] = []
        for tensor in tensors:
            if bucket and sum(one.numel() for one in bucket) + tensor.numel() > BUCKET:
                _add_flat(bucket)
                bucket = []
            bucket.append(tensor)
        if bucket:
            _add_flat(bucket)

    def agree(self, digest: str, device: torch.device) -> None:
        """Raise RanksDisagree unless every rank holds that digest (hexadecimal)."""
        if self.size == 1:
            return
        ours = torch.frombuffer(bytearray.fromhex(digest), dtype=torch.uint8).to(device)
        every = [torch.empty_like(ours) for _ in range(self.size)]
        dist.all_gather(every, ours)
        told = [bytes(one.tolist()).hex() for one in every]
        if len(set(told)) > 1:
            raise RanksDisagree(
                "expected equal weights on all ranks, got "
                + ", ".join(f"{rank}: {one[:12]}" for rank, one in enumerate(told))
            )

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _add_flat(bucket: Sequence[Tensor]) -> None:
    flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
    dist.all_reduce(flat)
    at = 0
    for tensor in bucket:
        tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
        at += tensor.numel()
