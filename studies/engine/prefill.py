"""Reading prompts, without what other rows or the original model have computed already.

Three things are not done. The first tokens that all prompts share (template, system prompt) are
read once per parameter set. Below the first layer that a parameter set changes, every row is as
the original left it: the row joins the others at that layer. And padding is hardly read: rows of
about the same length are read together, from their first token on, so that none needs a mask.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.model import LoadedModel
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Known, Picked, Reuse, States
from studies.engine.row_cache import RowCache

Rows = Int[Tensor, " row"]


class CannotJoinError(RuntimeError):
    """The layers of a model pass on more than hidden states."""


class Read(NamedTuple):
    """A batch of prompts, read."""

    logits: Float[Tensor, "row 1 vocab"]
    cache: RowCache | None  # None: nothing was to be read behind them


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
    n_new: int,
    on_rows: Callable[[Rows], None],
    options: dict[str, Any],
) -> Read:
    """Run the prompts of a batch, whose cache gets room for `n_new` tokens more.

    `on_rows` hears which rows each forward pass computes.
    """
    return _Reading(loaded, batch, reuse, on_rows, options).run(n_new)


class _Reading:
    """The passes that read one batch."""

    def __init__(
        self,
        loaded: LoadedModel,
        batch: TokenBatch,
        reuse: Reuse,
        on_rows: Callable[[Rows], None],
        options: dict[str, Any],
    ) -> None:
        self._loaded, self._batch, self._reuse = loaded, batch, reuse
        self._on_rows, self._options = on_rows, options
        self._rows = torch.arange(len(batch), device=loaded.device)
        self._lengths = batch.lengths - batch.prefix
        self._ids = batch.begun[:, batch.prefix :]
        self._shared: States | None = None

    def run(self, n_new: int) -> Read:
        reuse, batch = self._reuse, self._batch
        if batch.prefix:
            self._read_prefix()
        cache = None
        if n_new or reuse.keep is not None:
            cache = self._begun_cache(slice(0, len(batch)), batch.width + n_new)
        passes = [self._pass(part, cache) for part in reuse.parts]
        logits = [
            one.run(self._ids[part], self._lengths[part])
            for part, one in zip(reuse.parts, passes, strict=True)
        ]
        self._on_rows(self._rows)
        if reuse.keep is not None:
            assert cache is not None
            own = _states(passes, cache, slice(batch.prefix, batch.width))
            reuse.keep(self._shared, own)
        return Read(self._exact(torch.cat(logits)), cache)

    def _exact(self, logits: Float[Tensor, "row 1 vocab"]) -> Float[Tensor, "row 1 vocab"]:
        """Rows of which nothing is changed have the original's logits, to the last bit."""
        kept, n_layers = self._reuse.kept, self._loaded.n_layers
        if kept is not None:
            same = [row for row, start in enumerate(self._reuse.starts) if start == n_layers]
            places = torch.tensor([self._reuse.kept_rows[row] for row in same], dtype=torch.long)
            known = kept.logits[places.to(kept.logits.device)]
            logits[same, 0] = known.to(logits.device, logits.dtype)
        return logits

    def _pass(self, part: slice, whole: RowCache | None) -> "LayeredPass":
        """One pass; without a cache for all rows, its keys and values are forgotten after it."""
        reuse, kept = self._reuse, None
        if reuse.kept is not None:
            width = int(self._lengths[part].max())
            kept = Picked(reuse.kept.own, reuse.kept_rows[part], slice(0, width))
        rows = self._rows[part]
        one = LayeredPass(self._loaded, reuse.starts[part], kept, self._options)
        one.cache = partial(self._begun_cache, part) if whole is None else whole
        one.on_rows = lambda n: self._on_rows(rows[:n])
        one.first = 0 if whole is None else part.start or 0
        one.done = self._batch.prefix
        one.record = reuse.keep is not None
        return one

    def _read_prefix(self) -> None:
        """Read it once per parameter set."""
        reuse, prefix = self._reuse, self._batch.prefix
        firsts = {owner: row for row, owner in reversed(list(enumerate(reuse.owners)))}
        chosen = sorted(firsts.values(), key=lambda row: reuse.starts[row])
        kept = None
        if reuse.kept is not None:
            assert reuse.kept.shared is not None
            kept = Picked(reuse.kept.shared, [0] * len(chosen), slice(0, prefix))
        one = LayeredPass(self._loaded, [reuse.starts[row] for row in chosen], kept, self._options)
        rows = self._rows[chosen]
        one.cache = self._prefix = self._cache(len(chosen), prefix)
        one.on_rows = lambda n: self._on_rows(rows[:n])
        one.record = reuse.keep is not None
        ids = self._batch.begun[rows, :prefix]
        one.run(ids, ids.new_full((len(chosen),), prefix))
        if one.record:
            self._shared = _states([one], self._prefix, slice(0, prefix))
        places = {reuse.owners[row]: place for place, row in enumerate(chosen)}
        self._before = self._rows.new_tensor([places[owner] for owner in reuse.owners])

    def _begun_cache(self, part: slice, n_columns: int) -> RowCache:
        """A cache for some rows, which begin with the prefix of their parameter set."""
        before = self._rows[part]
        cache = self._cache(len(before), n_columns)
        for layer in range(self._loaded.n_layers if self._batch.prefix else 0):
            keys, values = self._prefix.columns(layer, slice(None))
            own = self._before[part].to(keys.device)
            cache.put(layer, 0, 0, keys[own], values[own])
        return cache

    def _cache(self, n_rows: int, n_columns: int) -> RowCache:
        return RowCache(self._loaded.n_layers, n_rows, n_columns, self._loaded.model.dtype)


class LayeredPass:
    """One forward pass in which rows take part from their own layer on."""

    cache: "RowCache | Callable[[int], RowCache]"  # or what makes one with so many columns
    on_rows: Callable[[int], None]
    record = False
    first = 0  # its first row in the cache
    done = 0  # columns that stand before

    def __init__(
        self,
        loaded: LoadedModel,
        starts: Sequence[int],
        kept: Known | None,
        options: dict[str, Any],
    ) -> None:
        self._loaded, self._kept, self._options = loaded, kept, options
        self._n_rows = len(starts)
        # How many rows take part in each layer.
        self._active = [bisect_right(starts, layer) for layer in range(loaded.n_layers)]
        if kept is None:
            self._active = [self._n_rows] * loaded.n_layers
        self.inputs: list[Tensor] = []
        self._told = -1
        self._lasts: Rows | None = None  # the place of each row's last token; None: all count

    def run(
        self, ids: Int[Tensor, "row token"], lengths: Int[Tensor, " row"]
    ) -> Float[Tensor, "row 1 vocab"]:
        """Read rows that begin in the first column; the logits behind each."""
        width = int(lengths.max())
        device = ids.device
        self._lasts = lengths - 1
        known = self.cache
        cache = known if isinstance(known, RowCache) else known(self.done + width)
        output = self._through_layers(
            input_ids=ids[:, :width],
            attention_mask=cache.reads(self.first, self.done, width, device),
            position_ids=torch.arange(self.done, self.done + width, device=device)[None],
            past_key_values=cache,
            use_cache=True,
            **self._options,
        )
        if isinstance(known, RowCache):
            for layer, keys, values in self._missing():
                known.put(layer, self.first + self._active[layer], self.done, keys, values)
        logits: Tensor = output.logits
        return logits

    def follow(
        self, ids: Int[Tensor, "row token"], columns: Int[Tensor, "row token"], rows: Rows
    ) -> Float[Tensor, "row token vocab"]:
        """Read several tokens of some rows behind what stands there; the logits behind each."""
        assert isinstance(self.cache, RowCache)
        output = self._through_layers(
            input_ids=ids,
            attention_mask=self.cache.appends(columns, rows),
            position_ids=columns,
            past_key_values=self.cache,
            use_cache=True,
        )
        for layer, keys, values in self._missing():
            self.cache.put_at(layer, self._active[layer], keys, values)
        logits: Tensor = output.logits
        return logits

    def _through_layers(self, **inputs: object) -> Any:  # noqa: ANN401 - the library's own class
        with ExitStack() as changed:
            for index, layer in enumerate(self._loaded.layers):
                _replace(changed, layer, partial(self._run_layer, index, layer.forward))
            mlp = getattr(self._loaded.layers[-1], "mlp", None)
            if isinstance(mlp, nn.Module) and self._lasts is not None and not self.record:
                _replace(changed, mlp, partial(self._only_last, mlp.forward))
            return self._loaded.model(**inputs)

    def _run_layer(
        self,
        index: int,
        forward: Callable[..., Any],
        hidden_states: Tensor,
        *args: object,
        **kwargs: object,
    ) -> Tensor:
        n = self._active[index]
        hidden = self._joined(hidden_states, index, n)
        if self.record:
            self.inputs.append(hidden)
        if n != self._told:
            self._told = n
            self.on_rows(n)
        output: object = hidden
        if n == self._n_rows:
            output = forward(hidden, *args, **kwargs)
        elif n:
            some = partial(_first_rows, n_rows=self._n_rows, n=n)
            output = forward(
                hidden, *map(some, args), **{key: some(one) for key, one in kwargs.items()}
            )
        if not isinstance(output, Tensor):
            raise CannotJoinError(type(output).__name__)
        return self._finished(output, n) if index == self._loaded.n_layers - 1 else output

    def _joined(self, hidden: Tensor, index: int, n: int) -> Tensor:
        """Add the rows that begin at this layer, as the original left them before it."""
        if index == 0 or self._kept is None:
            return hidden if n == self._n_rows else hidden[:n]
        n_before = self._active[index - 1]
        if n == n_before:
            return hidden
        return torch.cat([hidden, self._kept.inputs(index, slice(n_before, n), hidden)])

    def _only_last(
        self, forward: Callable[..., Any], hidden: Tensor, *args: object, **kwargs: object
    ) -> Any:  # noqa: ANN401 - as the module gives it
        """Of the last layer's MLP, nothing but the last token of each row is used."""
        last = forward(self._at_last(hidden), *args, **kwargs)
        if not isinstance(last, Tensor):
            raise CannotJoinError(type(last).__name__)
        rows = torch.arange(len(hidden), device=hidden.device)
        return torch.zeros_like(hidden).index_put_((rows, self._lasts_of(hidden)), last[:, 0])

    def _finished(self, hidden: Tensor, n: int) -> Tensor:
        """What goes on behind the last layer: of prompts, nothing but the last token."""
        if self._kept is not None and n < self._n_rows:
            hidden = torch.cat([hidden, self._kept.inputs(-1, slice(n, None), hidden)])
        if self.record:
            self.inputs.append(hidden)
        return hidden if self._lasts is None else self._at_last(hidden)

    def _at_last(self, hidden: Tensor) -> Float[Tensor, "row 1 d_model"]:
        rows = torch.arange(len(hidden), device=hidden.device)
        return hidden[rows, self._lasts_of(hidden)].unsqueeze(1)

    def _lasts_of(self, hidden: Tensor) -> Int[Tensor, " row"]:
        assert self._lasts is not None
        return self._lasts[: len(hidden)].to(hidden.device)

    def _missing(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Keys and values of the rows that a layer has not seen, as in the original."""
        if self._kept is None:
            return
        for layer, n in enumerate(self._active):
            if n < self._n_rows:
                yield layer, *self._kept.keys_and_values(layer, slice(n, None))


def _states(passes: Sequence[LayeredPass], cache: RowCache, columns: slice) -> States:
    """What some passes computed of the original, in one piece."""
    known = [cache.columns(layer, columns) for layer in range(cache.n_layers)]
    width = known[0][0].shape[2]
    return States(
        [
            torch.cat([nn.functional.pad(one, (0, 0, 0, width - one.shape[1])) for one in parts])
            for parts in zip(*(one.inputs for one in passes), strict=True)
        ],
        [keys.clone() for keys, _ in known],
        [values.clone() for _, values in known],
    )


def _replace(changed: ExitStack, module: nn.Module, forward: Callable[..., Any]) -> None:
    """Give a module another forward until `changed` ends."""
    had = vars(module).get("forward")
    module.forward = forward

    def give_back() -> None:
        if had is None:
            del module.forward
        else:
            module.forward = had

    changed.callback(give_back)


def _first_rows(given: object, *, n_rows: int, n: int) -> object:
    """The first rows of what a layer is given per row: masks, positions, their embeddings."""
    if isinstance(given, tuple):
        return tuple(_first_rows(one, n_rows=n_rows, n=n) for one in given)
    if isinstance(given, Tensor) and given.dim() > 1 and given.shape[0] == n_rows:
        return given[:n]
    return given
