"""Models of several sizes, built here: random weights around the demo model's tokenizer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from studies.demo import files

# Name -> (layers, hidden size, size of the MLP, heads).
SIZES: Final = {
    "small": (10, 512, 1536, 8),  # 30 million parameters
    "medium": (20, 1024, 4096, 16),  # 300 million
}
NAMES: Final = ("tiny", *SIZES)


class Work(NamedTuple):
    """How much of the prompts and trials a comparison of a size takes, where nobody says."""

    rounds: int = 5
    trials: int = 16
    alone: int = 2
    n_prompts: int | None = None  # of each list; None: all
    max_response_length: int = 40  # tokens


# The reference-like arm alone needs minutes for a trial of the larger ones on a processor.
WORK: Final = {
    "small": Work(rounds=3, n_prompts=48),
    "medium": Work(rounds=2, trials=4, alone=1, n_prompts=12, max_response_length=24),
}


@contextmanager
def model_of_size(name: str) -> Iterator[Path]:
    """The folder of a model; "tiny" is the demo model itself."""
    if name == "tiny":
        yield files.MODEL_DIR
        return
    with tempfile.TemporaryDirectory() as folder:
        _build(Path(folder), *SIZES[name])
        yield Path(folder)


def _build(folder: Path, n_layers: int, hidden: int, mlp: int, n_heads: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(files.MODEL_DIR), trust_remote_code=False)
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=mlp,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        num_key_value_heads=n_heads // 2,
        head_dim=hidden // n_heads,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
