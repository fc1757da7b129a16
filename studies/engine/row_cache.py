"""Keys and values of rows that begin in the first column, in memory that is taken at once."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import Cache

Rows = Int[Tensor, " row"]
Columns = Int[Tensor, "row token"]
Mask = Float[Tensor, "row 1 token column"]


class RowCache(Cache):
    """What each layer attends to; padding behind a shorter row is overwritten by its answer.

    Before a forward pass, `reads` or `appends` says what the pass computes and gives its mask.
    """

    def __init__(self, n_layers: int, n_rows: int, n_columns: int, dtype: torch.dtype) -> None:
        super().__init__(layers=[])
        self.shape = (n_rows, n_columns)  # that it is for
        self._dtype = dtype  # of the masks
        self._known: list[tuple[Tensor, Tensor] | None] = [None] * n_layers
        # What the next forward pass computes: tokens of some rows, those from `_done` on or,
        # where each row has its own, those in `_columns`.
        self._rows: slice | Rows = slice(0, n_rows)
        self._done = 0
        self._columns: Columns | None = None
        self._width = 0  # columns that it sees
        self.reached = 0  # columns that have been written

    @property
    def n_layers(self) -> int:
        return len(self._known)

    def reads(self, first: int, done: int, n_tokens: int, device: torch.device) -> Mask:
        """The next pass reads tokens behind the first `done` columns of rows from `first` on."""
        self._rows, self._done, self._columns = slice(first, None), done, None
        self._see(done + n_tokens)
        columns = torch.arange(self._width, device=device)
        return self._mask(columns <= columns[done:, None])[None, None]

    def reads_trees(self, first: int, done: int, seen: Bool[Tensor, "row token token"]) -> Mask:
        """The same, where tokens see some others of those that the pass reads."""
        n_rows, n_tokens, _ = seen.shape
        self._rows, self._done, self._columns = slice(first, None), done, None
        self._see(done + n_tokens)
        return self._mask(torch.cat([seen.new_ones(n_rows, n_tokens, done), seen], dim=2))[:, None]

    def appends(self, columns: Columns, rows: Rows | None = None) -> Mask:
        """The next pass reads tokens in columns of their own, of some rows (None: the first)."""
        self._rows = slice(0, None) if rows is None else rows
        self._columns = columns
        self._see(int(columns.max()) + 1)
        seen = torch.arange(self._width, device=columns.device) <= columns[:, :, None]
        return self._mask(seen)[:, None]

    def _see(self, width: int) -> None:
        self._width, self.reached = width, max(self.reached, width)

    def update(
        self,
        key_states: Float[Tensor, "row head token d_head"],
        value_states: Float[Tensor, "row head token d_head"],
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Take what a layer computed of the first rows; all that they attend to."""
        known = self._layer(layer_idx, key_states, value_states)
        rows = self._first_rows(len(key_states), known[0].device)
        if self._columns is None:
            for all_states, states in zip(known, (key_states, value_states), strict=True):
                all_states[rows, :, self._done : self._width] = states
        else:
            columns = self._columns[: len(key_states)]
            _put_at(known, rows, columns, (key_states, value_states))
        keys, values = (all_states[rows, :, : self._width] for all_states in known)
        return keys, values

    def put_at(self, layer: int, first: int, keys: Tensor, values: Tensor) -> None:
        """Set what the pass did not compute: that of its rows from `first` on."""
        known = self._layer(layer, keys, values)
        assert isinstance(self._rows, Tensor)
        assert self._columns is not None
        rows = self._rows[first:].to(keys.device)
        _put_at(known, rows, self._columns[first:], (keys, values))

    def _first_rows(self, n: int, device: torch.device) -> slice | Rows:
        if isinstance(self._rows, slice):
            return slice(self._rows.start, self._rows.start + n)
        return self._rows[:n].to(device)

    def put(
        self, layer: int, first_row: int, first_column: int, keys: Tensor, values: Tensor
    ) -> None:
        """Set keys and values of some rows and columns, computed elsewhere."""
        n_rows, _, n_columns, _ = keys.shape
        rows = slice(first_row, first_row + n_rows)
        columns = slice(first_column, first_column + n_columns)
        self.reached = max(self.reached, columns.stop)
        known = self._layer(layer, keys, values)
        for all_states, states in zip(known, (keys, values), strict=True):
            all_states[rows, :, columns] = states

    def states(self) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of every layer; columns that are not written yet hold zeros."""
        return [self._both(layer) for layer in range(self.n_layers)]

    def move_to(self, memory: list[tuple[Tensor, Tensor]]) -> None:
        """Live in the first rows of other memory, whose columns may be more, from now on."""
        for layer, both in enumerate(self.states()):
            n_rows, _, n_columns, _ = both[0].shape
            for states, other in zip(both, memory[layer], strict=True):
                other.zero_()
                other[:n_rows, :, :n_columns] = states
            keys, values = memory[layer]
            self._known[layer] = (keys[:n_rows], values[:n_rows])

    def shrink(self, n_rows: int, n_columns: int) -> None:
        """Hold the first rows alone, which will need so many columns, until others join them.

        Until then they are in memory of their own, which has no room for more than is written.
        """
        self.shape, self.reached = (n_rows, n_columns), min(self.reached, n_columns)
        for layer in range(self.n_layers):  # one at a time, so that both never stand side by side
            keys, values = self.columns(layer, slice(0, self.reached))
            self._known[layer] = (keys[:n_rows].clone(), values[:n_rows].clone())

    def take_over(self, other: "RowCache") -> None:
        """Hold the rows of another cache as well, behind its own; the other is left empty."""
        rows, columns = zip(self.shape, other.shape, strict=True)
        self.shape = (sum(rows), max(columns))
        self.reached = max(self.reached, other.reached)
        for layer in range(self.n_layers):  # one at a time, too
            both = zip(self._both(layer), other.let_go(layer), strict=True)
            keys, values = (self._joined(own, more) for own, more in both)
            self._known[layer] = (keys, values)

    def let_go(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer, which the cache forgets."""
        both = self._both(layer)
        self._known[layer] = None
        return both

    def _joined(self, own: Tensor, more: Tensor) -> Tensor:
        joined = self._taken(own)
        joined[: len(own), :, : own.shape[2]] = own
        joined[len(own) :, :, : more.shape[2]] = more
        return joined

    def _both(self, layer: int) -> tuple[Tensor, Tensor]:
        return cast(tuple[Tensor, Tensor], self._known[layer])

    def columns(self, layer: int, part: slice) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer, some columns of all rows."""
        keys, values = self._both(layer)
        return keys[:, :, part], values[:, :, part]

    def at(self, layer: int, rows: Rows, columns: Columns) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer, of some rows in columns of their own."""
        known = self._both(layer)
        device, (_, n_heads, width, _) = known[0].device, known[0].shape
        heads = rows.to(device)[:, None] * n_heads + torch.arange(n_heads, device=device)
        # Picked from one long list: several times as fast as by row and column.
        places = heads[:, :, None] * width + columns.to(device)[:, None]
        keys, values = (
            one.flatten(0, 2).index_select(0, places.flatten()).view(*places.shape, -1)
            for one in known
        )
        return keys, values

    def move(self, layer: int, places: Sequence[int], sources: Sequence[int]) -> None:
        """Put what some rows of a layer hold in the place of others, all at once."""
        known = self._known[layer]
        if known is None or not places:
            return
        to, source = torch.tensor([places, sources], device=known[0].device)
        for all_states in known:
            states = all_states[:, :, : self.reached]
            states.index_copy_(0, to, states.index_select(0, source))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """The columns that the pass finds filled; models ask only if they get no positions."""
        return self._done if self._columns is None else self._width - 1

    def _layer(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer; columns that are not written yet hold zeros.

        What is masked is multiplied by 0, which NaN would survive.
        """
        known = self._known[layer]
        if known is None:
            known = self._known[layer] = (self._taken(keys), self._taken(values))
        return known

    def _taken(self, like: Tensor) -> Tensor:
        n_rows, n_columns = self.shape
        return like.new_zeros(n_rows, like.shape[1], n_columns, like.shape[3])

    def _mask(self, seen: Tensor) -> Tensor:
        mask = torch.zeros(seen.shape, dtype=self._dtype, device=seen.device)
        return mask.masked_fill_(~seen, -torch.inf)


class StepCache(Cache):
    """The same for one step of a compiled model: tensors in, tensors out, nothing remembered."""

    def __init__(self, states: list[tuple[Tensor, Tensor]], columns: Columns, width: int) -> None:
        """`states` may have more rows and columns than those that the step sees."""
        super().__init__(layers=[])
        self._states, self._columns, self._width = states, columns, width

    def update(
        self,
        key_states: Float[Tensor, "row head 1 d_head"],
        value_states: Float[Tensor, "row head 1 d_head"],
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[Tensor, Tensor]:
        """Write what a layer computed of each row; all that the rows attend to."""
        known, n_rows = self._states[layer_idx], len(key_states)
        _put_at(known, slice(0, n_rows), self._columns, (key_states, value_states))
        keys, values = (one[:n_rows, :, : self._width] for one in known)
        return keys, values

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """The columns in front of the last one that a row sees."""
        return self._width - 1


def _put_at(
    known: tuple[Tensor, Tensor],
    rows: slice | Rows,
    columns: Columns,
    given: tuple[Tensor, Tensor],
) -> None:
    device = known[0].device
    if isinstance(rows, slice):
        rows = torch.arange(rows.start, rows.start + len(columns), device=device)
    columns = columns.to(device)
    for all_states, states in zip(known, given, strict=True):
        all_states[rows[:, None], :, columns] = states.transpose(1, 2)
