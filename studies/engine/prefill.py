"""Reading prompts, without what other rows or the original model have computed already.

Two things are not done again. The first tokens that all prompts share (template, system prompt)
are read once per parameter set. And below the first layer that a parameter set changes, every
row is as the original left it: the row joins the others at that layer.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.model import LoadedModel
from studies.engine.prompts import TokenBatch

Rows = Int[Tensor, " row"]


class States(NamedTuple):
    """What a forward pass of the original computed of some rows, layer by layer."""

    inputs: list[Float[Tensor, "row token d_model"]]  # of each layer; at last the final output
    keys: list[Float[Tensor, "row head token d_head"]]
    values: list[Float[Tensor, "row head token d_head"]]

    @property
    def n_bytes(self) -> int:
        return sum(tensor.nbytes for part in self for tensor in part)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The original's states of one batch of prompts."""

    batch: TokenBatch
    shared: States | None  # of the prefix: a single row
    own: States  # of what follows it

    def rows_of(self, batch: TokenBatch, n_prompts: int) -> list[int] | None:
        """The kept row of each row of a batch; None if they were not read like this."""
        known = {place: row for row, place in enumerate(self.batch.indices)}
        places = [index % n_prompts for index in batch.indices]
        if batch.prefix != self.batch.prefix or any(place not in known for place in places):
            return None
        return [known[place] for place in places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reuse:
    """What is known of the rows of a batch before they are read; rows are sorted by `starts`."""

    owners: Sequence[int]  # the parameter set of each row
    starts: Sequence[int]  # the first layer at which each row differs from the original
    kept: Kept | None = None
    kept_rows: Sequence[int] = ()  # where each row stands in it
    keep: Callable[[Kept], None] | None = None  # takes the states; the model is the original now


class Read(NamedTuple):
    """A batch of prompts, read."""

    logits: Float[Tensor, "row 1 vocab"]
    cache: Any


def may_share(loaded: LoadedModel, n_tokens: int) -> bool:
    """Whether keys and values of a row can be put together from parts.

    That is so where every layer attends to all `n_tokens` of prompt and response.
    """
    layers = DynamicCache(config=loaded.model.config).layers
    windows = [
        layer.sliding_window for layer in layers if type(layer) is DynamicSlidingWindowLayer
    ]
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
    whole = len(layers) in (0, loaded.n_layers) and all(n_tokens < window for window in windows)
    return plain and whole and loaded.model.config._attn_implementation == "sdpa"  # noqa: SLF001


def read_prompts(
    loaded: LoadedModel,
    batch: TokenBatch,
    reuse: Reuse,
    *,
    on_rows: Callable[[Rows], None],
    options: dict[str, Any],
) -> Read:
    """Run the prompts of a batch; `on_rows` hears which rows each forward pass computes."""
    rows = torch.arange(len(batch), device=loaded.device)
    own = _Pass(loaded, reuse.starts, lambda n: on_rows(rows[:n]), options)
    own.record = reuse.keep is not None
    if reuse.kept is not None:
        own.kept = _Picked(reuse.kept.own, reuse.kept_rows, batch.width - batch.prefix)
    if not batch.prefix:
        read = own.run(batch, None)
        shared = None
    else:
        firsts = [reuse.owners.index(owner) for owner in dict.fromkeys(reuse.owners)]
        chosen = rows[firsts]
        before = _Pass(
            loaded, [reuse.starts[row] for row in firsts], lambda n: on_rows(chosen[:n]), options
        )
        if reuse.kept is not None:
            assert reuse.kept.shared is not None
            before.kept = _Picked(reuse.kept.shared, [0] * len(firsts), batch.prefix)
        before.record = own.record
        prefix = before.run(batch.columns(firsts, slice(0, batch.prefix)), None)
        shared = before.recorded(prefix.cache, batch.prefix) if reuse.keep else None
        places = {reuse.owners[row]: place for place, row in enumerate(firsts)}
        own.before = rows.new_tensor([places[owner] for owner in reuse.owners])
        read = own.run(batch, prefix.cache)
    on_rows(rows)
    if reuse.keep and own.joins:
        reuse.keep(Kept(batch, shared, own.recorded(read.cache, batch.width - batch.prefix)))
    return read


class _Pass:
    """One forward pass in which rows take part from their own layer on."""

    def __init__(
        self,
        loaded: LoadedModel,
        starts: Sequence[int],
        on_rows: Callable[[int], None],
        options: dict[str, Any],
    ) -> None:
        self._loaded, self._on_rows, self._options = loaded, on_rows, options
        self._n_rows = len(starts)
        # How many rows take part in each layer.
        self._active = [bisect_right(starts, layer) for layer in range(loaded.n_layers)]
        self.kept: _Picked | None = None
        self.before: Rows | None = None  # which row of the prefix stands before each row
        self.record = False
        self.joins = True  # whether all layers return plain hidden states
        self._inputs: list[Tensor] = []
        self._told = -1

    def run(self, batch: TokenBatch, cache: Any) -> Read:  # noqa: ANN401 - any of the library's
        """Read the columns of a batch behind those in `cache`."""
        if self.kept is None:
            self._active = [self._n_rows] * len(self._active)
        done = 0 if cache is None else batch.prefix
        if cache is not None:
            self._put_before(cache)
        with self._layers_wrapped():
            output = self._loaded.model(
                input_ids=batch.input_ids[:, done:],
                attention_mask=batch.attention_mask if batch.is_padded else None,
                position_ids=batch.positions[:, done:],
                past_key_values=cache,
                use_cache=True,
                **self._options,
            )
        self._fill(output.past_key_values, done)
        return Read(output.logits, output.past_key_values)

    def recorded(self, cache: Any, width: int) -> States:  # noqa: ANN401 - any of the library's
        """What this pass computed: the last `width` columns."""
        layers = cache.layers
        return States(
            self._inputs,
            [layer.keys[:, :, -width:] for layer in layers],
            [layer.values[:, :, -width:] for layer in layers],
        )

    @contextmanager
    def _layers_wrapped(self) -> Iterator[None]:
        had = [vars(layer).get("forward") for layer in self._loaded.layers]
        for index, layer in enumerate(self._loaded.layers):
            layer.forward = partial(self._run_layer, index, layer.forward)
        try:
            yield
        finally:
            for layer, forward in zip(self._loaded.layers, had, strict=True):
                if forward is None:
                    del layer.forward
                else:
                    layer.forward = forward

    def _run_layer(
        self,
        index: int,
        forward: Callable[..., Any],
        hidden_states: Tensor,
        *args: object,
        **kwargs: object,
    ) -> Any:  # noqa: ANN401 - as the layer gives it
        n = self._active[index]
        hidden = self._joined(hidden_states, index, n)
        if self.record:
            self._inputs.append(hidden)
        if n != self._told:
            self._told = n
            self._on_rows(n)
        output: Any = hidden
        if n == self._n_rows:
            output = forward(hidden, *args, **kwargs)
        elif n:
            some = partial(_first_rows, n_rows=self._n_rows, n=n)
            output = forward(
                hidden, *map(some, args), **{key: some(one) for key, one in kwargs.items()}
            )
        self.joins &= isinstance(output, Tensor)
        return self._finished(output, n) if index == self._loaded.n_layers - 1 else output

    def _joined(self, hidden: Tensor, index: int, n: int) -> Tensor:
        """Add the rows that begin at this layer, as the original left them before it."""
        if index == 0 or self.kept is None:
            return hidden if n == self._n_rows else hidden[:n]
        n_before = self._active[index - 1]
        if n == n_before:
            return hidden
        return torch.cat([hidden, self.kept.inputs(index, slice(n_before, n))])

    def _finished(self, output: Any, n: int) -> Any:  # noqa: ANN401 - as the layer gives it
        if self.record:
            self._inputs.append(output)
        if self.kept is None or n == self._n_rows:
            return output
        return torch.cat([output, self.kept.inputs(-1, slice(n, None))])

    def _put_before(self, cache: Any) -> None:  # noqa: ANN401 - any of the library's
        """Repeat the prefix for the rows that take part; layers without any keep it as it is."""
        assert self.before is not None
        self._prefix = [(layer.keys, layer.values) for layer in cache.layers]
        for layer, n in zip(cache.layers, self._active, strict=True):
            if n:
                rows = self.before[:n].to(layer.keys.device)
                layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def _fill(self, cache: Any, done: int) -> None:  # noqa: ANN401 - any of the library's
        """Add the rows that a layer has not seen: as in the original, behind their prefix."""
        if self.kept is None:
            return
        for index, (layer, n) in enumerate(zip(cache.layers, self._active, strict=True)):
            if n == self._n_rows:
                continue
            keys, values = self.kept.keys_and_values(index, slice(n, None))
            if done:
                assert self.before is not None
                rows = self.before[n:].to(keys.device)
                first_keys, first_values = self._prefix[index]
                keys = torch.cat([first_keys[rows], keys], dim=2)
                values = torch.cat([first_values[rows], values], dim=2)
            if n:
                keys, values = torch.cat([layer.keys, keys]), torch.cat([layer.values, values])
            elif not layer.is_initialized:
                layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
            if isinstance(layer, DynamicSlidingWindowLayer):
                layer.cumulative_length = keys.shape[2]


class _Picked:
    """The kept states of some rows, the last `width` columns of each."""

    def __init__(self, states: States, rows: Sequence[int], width: int) -> None:
        self._states, self._rows, self._width = states, torch.tensor(rows), width

    def inputs(self, index: int, part: slice) -> Float[Tensor, "row token d_model"]:
        return self._pick(self._states.inputs[index], part, 1)

    def keys_and_values(self, index: int, part: slice) -> tuple[Tensor, Tensor]:
        keys, values = self._states.keys[index], self._states.values[index]
        return self._pick(keys, part, 2), self._pick(values, part, 2)

    def _pick(self, tensor: Tensor, part: slice, dim: int) -> Tensor:
        rows = self._rows[part].to(tensor.device)
        return tensor.narrow(dim, tensor.shape[dim] - self._width, self._width)[rows]


def _first_rows(given: object, *, n_rows: int, n: int) -> object:
    """The first rows of what a layer is given per row: masks, positions, their embeddings."""
    if isinstance(given, tuple):
        return tuple(_first_rows(one, n_rows=n_rows, n=n) for one in given)
    if isinstance(given, Tensor) and given.dim() > 1 and given.shape[0] == n_rows:
        return given[:n]
    return given


def sorted_by_start(batch: TokenBatch, starts: Sequence[int]) -> TokenBatch:
    """The rows in the order in which they join."""
    order = sorted(range(len(batch)), key=lambda row: starts[row])
    return batch if order == list(range(len(batch))) else batch.picked(order)
