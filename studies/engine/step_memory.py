"""Where keys and values stay while steps are replayed from CUDA graphs.

A graph reads and writes the addresses that it was recorded with, and is recorded anew for each
shape. So caches move into memory that outlives them, and their rows and columns are rounded up.
"""

import math
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch._dynamo import mark_static_address
from torch.nn import functional

from studies.engine.row_cache import RowCache

_LEAST_ROWS: Final = 8
_COLUMNS: Final = 32  # in steps of these
_PARTS: Final = ((256, 2), (1024, 8), (math.inf, 16))  # of sizes up to so many rows
_UNSEEN: Final = 8  # columns; one would be enough, but rows stay aligned


class Padded(NamedTuple):
    """What a step reads beside keys and values; rows that were added read token 0."""

    ids: Int[Tensor, "row 1"]
    columns: Int[Tensor, "row 1"]
    mask: Float[Tensor, "row 1 1 column"]


class StepMemory:
    """Keys and values of the one cache that steps are computed with."""

    def __init__(self) -> None:
        self._states: list[tuple[Tensor, Tensor]] = []

    def hold(self, step: Padded, cache: RowCache) -> tuple[Padded, list[tuple[Tensor, Tensor]]]:
        """The step, padded to one of few shapes, and the memory that the cache now lives in.

        The memory is larger than the step: it sees the first rows and columns. Moving a cache
        costs about as much as one step; it happens once per batch.
        """
        n_rows, n_columns = self.shape_of(step.ids, step.mask)
        own = cache.states()
        if not self._states or own[0][0].data_ptr() != self._states[0][0].data_ptr():
            self._make_room(own)
            cache.move_to(self._states)
        return _padded(step, n_rows, n_columns), self._states

    @staticmethod
    def shape_of(
        ids: Int[Tensor, "row 1"], mask: Float[Tensor, "row 1 1 column"]
    ) -> tuple[int, int]:
        """The rows and columns that a step is padded to."""
        n_columns = mask.shape[-1]
        return rounded_rows(len(ids)), n_columns + -n_columns % _COLUMNS

    def _make_room(self, own: list[tuple[Tensor, Tensor]]) -> None:
        """Take more memory if the cache needs it; graphs are then recorded anew."""
        rows, _, columns, _ = own[0][0].shape
        # More than a step ever sees: to the compiler, seeing all columns would be another case.
        rows, columns = rounded_rows(rows), columns + -columns % _COLUMNS + _UNSEEN
        if self._states:
            had = self._states[0][0].shape
            if had[0] >= rows and had[2] >= columns:
                return
            rows, columns = max(rows, had[0]), max(columns, had[2])
        self._states = []  # first: both may not fit
        self._states = [
            (_taken(keys, rows, columns), _taken(values, rows, columns)) for keys, values in own
        ]


def rounded_rows(n: int) -> int:
    """One of 8, 12, 16, 24 … 256, 288 … 512, 576 … 1024, 1088 …, the next.

    At most half as many again are computed for nothing, of many rows, which cost more than the
    launching of a step, a sixteenth.
    """
    size = _LEAST_ROWS
    while 2 * size < n:
        size *= 2
    part = size // next(n_parts for most, n_parts in _PARTS if size < most)
    return max(size, size + -(-(n - size) // part) * part)


def _taken(like: Tensor, rows: int, columns: int) -> Tensor:
    taken = like.new_zeros(rows, like.shape[1], columns, like.shape[3])
    mark_static_address(taken, guard=False)  # unguarded: another address is recorded, not compiled
    return taken


def _padded(step: Padded, n_rows: int, n_columns: int) -> Padded:
    ids, columns, mask = step
    more = n_rows - len(ids)
    ids, columns = (functional.pad(one, (0, 0, 0, more)) for one in (ids, columns))
    right = (0, n_columns - mask.shape[-1])
    mask = functional.pad(mask, right, value=-torch.inf)
    if more:
        alone = mask.new_full((more, *mask.shape[1:]), -torch.inf)
        alone[..., 0] = 0  # what they wrote themselves
        mask = torch.cat([mask, alone])
    return Padded(ids, columns, mask)
