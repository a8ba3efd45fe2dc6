"""The embedded model's architecture: a Qwen3 of a few million parameters, and its export.

Invariant: what is exported loads with plain transformers and vLLM; no file is over 16 MB.
"""

import json
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from transformers import Qwen3Config, Qwen3ForCausalLM

MAX_FILE = "16MB"


class NetworkConfig(BaseModel):
    """Sizes. Heads of 64 run on every attention kernel; the embedding is tied to the head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(default=4096, ge=300)
    hidden: int = Field(default=256, ge=32)
    layers: int = Field(default=6, ge=1)
    heads: int = Field(default=4, ge=1)
    kv_heads: int = Field(default=2, ge=1)
    head_dim: int = Field(default=64, ge=8)
    feed_forward: int = Field(default=768, ge=32)
    max_positions: int = Field(default=4096, ge=128)


def make_network(config: NetworkConfig, *, seed: int, end_id: int, pad_id: int) -> Qwen3ForCausalLM:
    """Return a freshly initialised network in float32."""
    torch.manual_seed(seed)
    return Qwen3ForCausalLM(  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
        Qwen3Config(
            vocab_size=config.vocabulary,
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.head_dim,
            intermediate_size=config.feed_forward,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            attention_dropout=0.0,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            eos_token_id=end_id,
            pad_token_id=pad_id,
            bos_token_id=None,
        )
    )


def load_network(folder: Path) -> Qwen3ForCausalLM:
    """Return the network of a checkpoint in float32, to go on training it."""
    network: Qwen3ForCausalLM = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return network


def export_network(network: Qwen3ForCausalLM, folder: Path, *, dtype: torch.dtype) -> None:
    """Write config and safetensors; the network itself keeps its precision."""
    folder.mkdir(parents=True, exist_ok=True)
    state = network.state_dict()
    weights = {name: value.detach().to("cpu", dtype) for name, value in state.items()}
    weights.pop("lm_head.weight", None)
    network.save_pretrained(folder, state_dict=weights, max_shard_size=MAX_FILE)
    config = folder / "config.json"
    fields = json.loads(config.read_text(encoding="utf-8")) | {
        "dtype": str(dtype).partition(".")[2]
    }
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def parameters_of(network: Qwen3ForCausalLM) -> int:
    """Return the number of parameters, the tied ones once."""
    return sum(parameter.numel() for parameter in network.parameters())
