"""What the engine knows of a loaded model."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from studies.engine.recall import NOTHING, Recall


class SingleStep(Protocol):
    """Reads one token of each row in another way than the model does, with the same result."""

    is_on: bool  # whether it does, and so needs the same modules switched in every trial

    def __call__(self, **inputs: Any) -> Any:  # noqa: ANN401 - as a model's forward
        """The model's output for these inputs, whose cache is a `RowCache`."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in evaluation mode, gradients off, with a left-padding tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    layers: nn.ModuleList  # the decoder layers, in order
    d_model: int
    dtype: str  # float32, bfloat16 …
    device: torch.device  # of the embeddings: where inputs go
    architecture: str  # the model class, e.g. Qwen3ForCausalLM
    notes: tuple[str, ...] = field(default=())  # what the user should know of the loading
    recall: Recall = NOTHING  # what it has computed earlier, as the original
    step: SingleStep | None = None  # for steps of the ablated model; None: the model itself

    @property
    def n_layers(self) -> int:
        return len(self.layers)


def row_bytes(loaded: LoadedModel, width: int, n_new: int) -> int:
    """About what a prompt of `width` tokens takes while `n_new` more are generated."""
    config: Any = loaded.model.config.get_text_config()
    size = loaded.model.dtype.itemsize
    n_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    d_head = getattr(config, "head_dim", None) or loaded.d_model // config.num_attention_heads
    cache = 2 * loaded.n_layers * n_heads * d_head * size * (width + n_new)
    if loaded.step is not None and loaded.device.type == "cuda":
        cache *= 2  # it moves to where steps find it again
    d_mlp = getattr(config, "intermediate_size", None) or 4 * loaded.d_model
    layer = width * (6 * loaded.d_model + 3 * d_mlp) * max(size, 4)  # while it reads prompts
    logits = 3 * 4 * int(config.vocab_size)  # float32, their log-probabilities, a copy
    return int(cache + layer + logits)
