"""Attention whose query heads share keys and values, without copies of them.

By itself the library copies keys and values for each query head where several tokens of a row are
read under a mask, because on CUDA only the slow kernel takes groups and a mask. Single tokens of
rows attend by two products instead of a kernel that is made for many.
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
# Queries of a row that share keys: so few fill little of the kernel's tiles of 64. On one H200 it
# took 405 µs for 1,600 rows with 8 heads of keys, 64 columns and 4 queries each; products, 145. On
# a processor, 22 and 16 ms for 768 rows with 4 heads, 48 columns and 2 queries. There, half-sized
# floats are left to the kernel.
_FEW: Final = 16

_by_library: Callable[..., tuple[Tensor, None]] = sdpa_attention_forward


@contextmanager
def heads_grouped(device: torch.device, *, single: bool = False) -> Iterator[None]:
    """Have keys and values read as they are, in the passes until this ends.

    `single`: the passes read one token of each row.
    """
    on_cpu = device.type == "cpu"
    if device.type == "cuda" or (on_cpu and single):
        ALL_ATTENTION_FUNCTIONS[_NAME] = attend_in_groups
        try:
            yield
        finally:
            del ALL_ATTENTION_FUNCTIONS[_NAME]  # type: ignore[no-untyped-call]
    elif on_cpu and _SWITCH not in os.environ:
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
    n_queries = n_groups * n_tokens
    by_products = n_queries <= _FEW and (query.is_cuda or query.dtype == torch.float32)
    by_products &= not torch.compiler.is_compiling()
    if not _is_plain(attention_mask, options) or not (by_products or n_groups > 1):
        return _by_library(module, query, key, value, attention_mask, **options)
    assert attention_mask is not None
    attend = _by_products if by_products else functional.scaled_dot_product_attention
    found = attend(
        query.reshape(n_rows, n_heads // n_groups, n_queries, d_head),
        key,
        value,
        attn_mask=attention_mask if n_tokens == 1 else attention_mask.repeat(1, 1, n_groups, 1),
        scale=options.get("scaling"),
    )
    apart = found.reshape(n_rows, n_heads, n_tokens, value.shape[-1])
    return apart.transpose(1, 2).contiguous(), None


def _by_products(
    query: Float[Tensor, "row kv_head query d_head"],
    key: Float[Tensor, "row kv_head column d_head"],
    value: Float[Tensor, "row kv_head column d_value"],
    *,
    attn_mask: Float[Tensor, "row 1 query column"],
    scale: float | None,
) -> Float[Tensor, "row kv_head query d_value"]:
    """Attention in separate steps, its scores in float32 as inside the kernels."""
    scores = _exact_product(query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2))
    scores = scores.view(*query.shape[:3], -1).mul_(scale or query.shape[-1] ** -0.5)
    weights = scores.add_(attn_mask).softmax(dim=-1).to(value.dtype)
    return torch.bmm(weights.flatten(0, 1), value.flatten(0, 1)).view(*query.shape[:3], -1)


def _exact_product(
    left: Float[Tensor, "batch row inner"], right: Float[Tensor, "batch inner column"]
) -> Float[Tensor, "batch row column"]:
    """Left times right, added up and given in float32."""
    if left.is_cuda and left.dtype != torch.float32:
        return torch.bmm(left, right, out_dtype=torch.float32)
    return torch.bmm(left.float(), right.float())


def _is_plain(mask: Tensor | None, options: dict[str, Any]) -> bool:
    """Whether all heads see the same, and nothing else is asked for."""
    if mask is None or mask.shape[1] != 1 or not mask.is_floating_point():
        return False
    asked = (options.get(name) for name in ("position_bias", "softcap", "cache"))
    return not options.get("dropout") and all(one is None for one in asked)
