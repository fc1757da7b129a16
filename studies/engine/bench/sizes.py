"""Models of several sizes, built here: random weights around the demo model's tokenizer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from studies.demo import files


class Shape(NamedTuple):
    """A model without its weights."""

    n_layers: int
    hidden: int
    mlp: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    n_vocabulary: int = 0  # 0: the tokenizer's
    dtype: str = "float32"


SIZES: Final = {
    "small": Shape(10, 512, 1536, 8, 4, 64),  # 30 million parameters
    "medium": Shape(20, 1024, 4096, 16, 8, 64),  # 300 million
    # As Qwen3 has them, for GPUs.
    "0.6b": Shape(28, 1024, 3072, 16, 8, 128, 151_936, "bfloat16"),
    "4b": Shape(36, 2560, 9728, 32, 8, 128, 151_936, "bfloat16"),
}
NAMES: Final = ("tiny", *SIZES)


class Work(NamedTuple):
    """How much of the prompts and trials a comparison of a size takes, where nobody says."""

    rounds: int = 5
    trials: int = 16
    alone: int = 2
    n_prompts: int | None = None  # of each list; None: all
    max_response_length: int = 40  # tokens
    dtype: str = "float32"


# The reference-like arm alone needs minutes for a trial of the larger ones on a processor.
WORK: Final = {
    "small": Work(rounds=3, n_prompts=48),
    "medium": Work(rounds=2, trials=4, alone=1, n_prompts=12, max_response_length=24),
    "0.6b": Work(rounds=3, dtype="bfloat16"),
    "4b": Work(rounds=3, dtype="bfloat16"),
}


@contextmanager
def model_of_size(name: str) -> Iterator[Path]:
    """The folder of a model; "tiny" is the demo model itself."""
    if name == "tiny":
        yield files.MODEL_DIR
        return
    with tempfile.TemporaryDirectory() as folder:
        _build(Path(folder), SIZES[name])
        yield Path(folder)


def _build(folder: Path, shape: Shape) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(files.MODEL_DIR), trust_remote_code=False)
    config = AutoConfig.for_model(
        "qwen3",
        vocab_size=shape.n_vocabulary or len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_kv_heads,
        head_dim=shape.d_head,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(0)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    dtype: torch.dtype = getattr(torch, shape.dtype)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):  # quicker to fill there
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
