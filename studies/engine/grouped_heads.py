"""Attention whose query heads share keys and values, without copies of them.

By itself the library copies keys and values for each query head where several tokens of a row are
read under a mask, because on CUDA only the slow kernel takes groups and a mask.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

# What the library asks for at every call: whether its processor kernel takes groups.
_SWITCH: Final = "TRANSFORMERS_SDPA_FORCE_GQA"
_NAME: Final = "sdpa"  # how models find the function

_by_library: Callable[..., tuple[Tensor, None]] = sdpa_attention_forward


@contextmanager
def heads_grouped(device: torch.device) -> Iterator[None]:
    """Have keys and values read as they are, in the passes until this ends."""
    if device.type == "cuda":
        ALL_ATTENTION_FUNCTIONS[_NAME] = attend_in_groups
        try:
            yield
        finally:
            del ALL_ATTENTION_FUNCTIONS[_NAME]  # type: ignore[no-untyped-call]
    elif device.type == "cpu" and _SWITCH not in os.environ:
        os.environ[_SWITCH] = "1"
        try:
            yield
        finally:
            del os.environ[_SWITCH]
    else:
        yield


def attend_in_groups(
    module: nn.Module,
    query: Float[Tensor, "row head token d_head"],
    key: Float[Tensor, "row kv_head column d_head"],
    value: Float[Tensor, "row kv_head column d_value"],
    attention_mask: Tensor | None,
    **options: Any,  # noqa: ANN401 - as the library's function takes them
) -> tuple[Float[Tensor, "row token head d_value"], None]:
    """As the library's attention, where heads that share keys and values are tokens to the kernel.

    Each token attends for itself, so it makes no difference to which head it belongs.
    """
    n_groups, (n_rows, n_heads, n_tokens, d_head) = len(query[0]) // len(key[0]), query.shape
    if n_groups == 1 or not _is_plain(attention_mask, options):
        return _by_library(module, query, key, value, attention_mask, **options)
    assert attention_mask is not None
    found = functional.scaled_dot_product_attention(
        query.reshape(n_rows, n_heads // n_groups, n_groups * n_tokens, d_head),
        key,
        value,
        attn_mask=attention_mask if n_tokens == 1 else attention_mask.repeat(1, 1, n_groups, 1),
        dropout_p=options.get("dropout", 0.0),
        scale=options.get("scaling"),
    )
    apart = found.reshape(n_rows, n_heads, n_tokens, value.shape[-1])
    return apart.transpose(1, 2).contiguous(), None


def _is_plain(mask: Tensor | None, options: dict[str, Any]) -> bool:
    """Whether all heads see the same, and nothing else is asked for."""
    asked = (options.get(name) for name in ("position_bias", "softcap", "cache"))
    return mask is not None and mask.shape[1] == 1 and all(one is None for one in asked)
