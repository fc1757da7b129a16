"""What the engine knows of a loaded model."""

from dataclasses import dataclass, field

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase


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

    @property
    def n_layers(self) -> int:
        return len(self.layers)
