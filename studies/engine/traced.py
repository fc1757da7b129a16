"""Whether what runs now is taken down, to be run again later with other numbers in its place."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_is_recorded = False


def is_traced() -> bool:
    """Whether it is compiled or recorded, so that no number of this one call may enter it."""
    return torch.compiler.is_compiling() or _is_recorded


@contextmanager
def traced() -> Iterator[None]:
    """Mark what runs meanwhile as recorded."""
    global _is_recorded
    _is_recorded = True
    try:
        yield
    finally:
        _is_recorded = False
