"""Reads a model's weights in the first number format that loads and computes."""

import gc
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from studies.engine.components import PROBE
from studies.engine.errors import DeviceMemoryError, EngineError, ModelError, NonFiniteError
from studies.engine.load_errors import first_line, load_error

AUTO = "auto"
HALF = "float16"


def first_working(
    path: str,
    revision: str,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    dtypes: Sequence[str],
) -> tuple[PreTrainedModel, list[str]]:
    """Return the model in the first number format that loads and computes, and what failed."""
    candidates, notes = _candidates(config, dtypes), list[str]()
    failure: EngineError = ModelError(f"{path}: no number format was given.")
    for dtype in candidates:
        if _is_slow(dtype, candidates):
            notes.append(f"{HALF} is not used on the CPU: it is slow there.")
            continue
        result = _attempt(path, revision, config, tokenizer, dtype)
        if isinstance(result, PreTrainedModel):
            return result, notes
        failure = result
        notes.append(f"{dtype} does not work here: {failure}")
        _free_memory()
    raise failure


def _attempt(
    path: str,
    revision: str,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    dtype: str,
) -> PreTrainedModel | DeviceMemoryError | NonFiniteError:
    try:
        model = _read(path, revision, config, dtype)
        _probe(model, tokenizer)
    except (DeviceMemoryError, NonFiniteError) as error:
        return type(error)(str(error))  # a new one: its traceback would keep the model alive
    return model


def _candidates(config: PretrainedConfig, dtypes: Sequence[str]) -> dict[str, str]:
    """Return each number format as it was given and as it is stored, what comes twice left out."""
    stored = config.get_text_config().dtype or config.dtype
    named = {name: dtype_name(stored) if name == AUTO else name for name in dtypes}
    return {
        given: name for given, name in named.items() if given == AUTO or name != named.get(AUTO)
    }


def _is_slow(dtype: str, candidates: Mapping[str, str]) -> bool:
    """Tell whether float16 on the CPU can be avoided: it lacks range and speed there."""
    others = [name for name in candidates.values() if name != HALF]
    return candidates[dtype] == HALF and bool(others) and not torch.cuda.is_available()


def _read(path: str, revision: str, config: PretrainedConfig, dtype: str) -> PreTrainedModel:
    vision = config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    auto: Any = AutoModelForImageTextToText if vision else AutoModelForCausalLM
    options = {"device_map": "auto"} if torch.cuda.is_available() else {}
    try:
        model, info = auto.from_pretrained(
            path,
            revision=revision,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except Exception as error:
        raise load_error(path, error) from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(f"{path} lacks {len(missing)} of its weights, the first: {missing[0]}.")
    if any(weight.device.type == "meta" for weight in model.parameters()):
        raise DeviceMemoryError(f"{path} does not fit into the memory of the GPU.")
    ready: PreTrainedModel = model.eval().requires_grad_(requires_grad=False)
    return ready


@torch.inference_mode()
def _probe(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Compute one token: some number formats load well and break in use.

    Raises:
        NonFiniteError: it cannot be computed, or the logits are not finite.
        DeviceMemoryError: not even one token fits.
    """
    tokens = tokenizer(PROBE, return_tensors="pt").to(device_of(model))
    try:
        logits = model(**_inputs(tokens)).logits[:, -1]
    except RuntimeError as error:  # "… not implemented for 'Half'"
        mapped = load_error("The first token", error)
        if isinstance(mapped, DeviceMemoryError):
            raise mapped from error
        raise NonFiniteError(f"The first token cannot be computed: {first_line(error)}") from error
    if not bool(logits.isfinite().all()):
        raise NonFiniteError("The first token's logits are not finite.")


def _inputs(tokens: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401 - a BatchEncoding
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


def device_of(model: PreTrainedModel) -> torch.device:
    return model.get_input_embeddings().weight.device  # type: ignore[return-value]


def dtype_name(dtype: torch.dtype | str | None) -> str:
    return str(dtype).removeprefix("torch.")


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
