"""Loads a model: safetensors only, no code of its own, in the first number format that works."""

from collections.abc import Sequence

import torch
from huggingface_hub.utils.tqdm import disable_progress_bars
from torch import nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from studies.engine.architectures import LAYER_PATHS
from studies.engine.components import writers_of
from studies.engine.errors import EngineError, ModelError, UnsupportedArchitectureError
from studies.engine.load_errors import load_error
from studies.engine.load_tokenizer import load_tokenizer, prepare_tokenizer
from studies.engine.load_weights import device_of, dtype_name, first_working
from studies.engine.model import LoadedModel
from studies.engine.model_config import refuse_custom_code
from studies.engine.ports import Reporter, Silent

LARGE = 100_000_000  # parameters; below, a processor does as well


def load_model(
    path: str,
    *,
    dtypes: Sequence[str],
    revision: str | None = None,
    reporter: Reporter | None = None,
) -> LoadedModel:
    """Load a hub id or a local folder, trying `dtypes` (or "auto") until one gives finite numbers.

    Raises:
        ModelError: and its kinds: not found, hub, custom code, no safetensors, unsupported,
            damaged or incomplete files.
        NonFiniteError: no number format gives finite logits.
        DeviceMemoryError: the model does not fit.
        DiskFullError: the download does not fit.
    """
    reporter = reporter or Silent()
    reporter.phase("loading")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    disable_progress_bars()
    # cuDNN's builds a plan for each shape, of which a search has thousands.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    try:
        return _load(path, dtypes, revision or "main")
    except EngineError:
        raise
    except Exception as error:
        raise load_error(path, error) from error


def load_config(path: str, revision: str) -> PretrainedConfig:
    """Return the configuration of a model that can be ablated; reads no weights.

    Raises:
        CustomCodeError: the configuration asks for code of the model's own.
        UnsupportedArchitectureError: the architecture is not in the table.
        ModelError: the weights are quantised.
    """
    raw, _ = PretrainedConfig.get_config_dict(path, revision=revision)
    refuse_custom_code(raw, "config.json")
    config: PretrainedConfig = AutoConfig.from_pretrained(
        path, revision=revision, trust_remote_code=False
    )
    writers_of(config)
    if getattr(config, "quantization_config", None):
        raise ModelError(f"{path} is quantised; only full weights can be ablated so far.")
    return config


def _load(path: str, dtypes: Sequence[str], revision: str) -> LoadedModel:
    config = load_config(path, revision)
    tokenizer = load_tokenizer(path, revision)
    model, notes = first_working(path, revision, config, tokenizer, dtypes)
    n_embeddings = len(model.get_input_embeddings().weight)  # type: ignore[arg-type]
    notes += prepare_tokenizer(tokenizer, model.generation_config, n_embeddings)
    if is_slow_here(model):
        notes.append("No GPU was found: a model of this size runs slowly on the processor.")
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        layers=_layers(model),
        d_model=int(config.get_text_config().hidden_size),
        dtype=dtype_name(model.dtype),
        device=device_of(model),
        architecture=type(model).__name__,
        notes=tuple(notes),
    )


def is_slow_here(model: PreTrainedModel) -> bool:
    """Whether the user should hear that there is no GPU."""
    weights = sum(parameter.numel() for parameter in model.parameters())
    return device_of(model).type == "cpu" and weights > LARGE


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    for path in LAYER_PATHS:
        found: object = model
        for step in path.split("."):
            found = getattr(found, step, None)
        if isinstance(found, nn.ModuleList):
            return found
    raise UnsupportedArchitectureError(
        f"{type(model).__name__} has no decoder layers at {' or '.join(LAYER_PATHS)}."
    )
