"""Attention whose query heads share keys and values, without copies of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# What transformers asks for at every call; by itself it repeats keys and values for each query
# head where there is a mask, because on CUDA only the slow kernel takes groups and a mask.
_SWITCH = "TRANSFORMERS_SDPA_FORCE_GQA"


@contextmanager
def heads_grouped(device: torch.device) -> Iterator[None]:
    """Have the processor's kernel read keys and values as they are; others are left alone."""
    if device.type != "cpu" or _SWITCH in os.environ:
        yield
        return
    os.environ[_SWITCH] = "1"
    try:
        yield
    finally:
        del os.environ[_SWITCH]
