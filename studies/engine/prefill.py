"""Reading prompts, without what other rows or the original model have computed already.

Four things are not done. The first tokens that all prompts share (template, system prompt) are
read once per parameter set; so are those that only some begin with, where enough do: such prompts
are read in trees. In front of the first product that a parameter set changes, every row is as the
original left it: the row joins the others behind it. And padding is hardly read: rows of about the
same length are read together, from their first token on, so that none needs a mask.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.layered_pass import LayeredPass
from studies.engine.model import LoadedModel
from studies.engine.parts import Place
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Picked, Reuse, States
from studies.engine.row_cache import RowCache
from studies.engine.tree_pass import TreePass
from studies.engine.trees import Trees

Rows = Int[Tensor, " row"]


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


class _Recorded(NamedTuple):
    """What was recorded of some rows while they were read; empty if nothing was."""

    inputs: list[Float[Tensor, "row token d_model"]]
    products: dict[Place, Float[Tensor, "row token d_model"]]

    def at(self, rows: Int[Tensor, "row 1"], tokens: Int[Tensor, "row token"]) -> "_Recorded":
        """Some of it."""
        products = {place: one[rows, tokens] for place, one in self.products.items()}
        return _Recorded([one[rows, tokens] for one in self.inputs], products)


class _Found(NamedTuple):
    """What the passes over a batch computed of it."""

    logits: Float[Tensor, "row 1 vocab"]
    cache: RowCache | None
    recorded: _Recorded


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
        # One column is never seen: to a compiler, seeing all of them would be another case.
        n_columns = batch.width + n_new + 1 if n_new or reuse.keep is not None else 0
        trees = reuse.trees
        found = self._in_parts(n_columns) if trees is None else self._in_trees(trees, n_columns)
        self._on_rows(self._rows)
        if reuse.keep is not None:
            assert found.cache is not None
            own = _states(found.recorded, found.cache, slice(batch.prefix, batch.width))
            reuse.keep(self._shared, own)
        return Read(self._exact(found.logits), found.cache)

    def _in_parts(self, n_columns: int) -> _Found:
        """Read rows of about the same length together; `n_columns` of a cache, 0 for none."""
        reuse = self._reuse
        cache = self._begun_cache(slice(0, len(self._batch)), n_columns) if n_columns else None
        passes = [self._pass(part, cache) for part in reuse.parts]
        logits = [
            one.run(self._ids[part], self._lengths[part])
            for part, one in zip(reuse.parts, passes, strict=True)
        ]
        return _Found(torch.cat(logits), cache, _recorded(passes))

    def _in_trees(self, trees: Trees, n_columns: int) -> _Found:
        """The same, with what rows begin with read once."""
        prefix, n_rows = self._batch.prefix, len(self._batch)
        whole = self._begun_cache(trees.readers[:, 0], prefix + trees.width)
        passes = [self._tree_pass(trees, piece, whole) for piece in trees.pieces]
        logits = [one.read(trees, piece) for one, piece in zip(passes, trees.pieces, strict=True)]
        rows = torch.cat([trees.rows(piece) for piece in trees.pieces])
        recorded = _recorded(passes).at(trees.where[:, None], trees.paths)
        cache = None
        if n_columns:
            cache = self._cache(n_rows, n_columns)
            before = self._rows.new_tensor([range(prefix)]).expand(n_rows, -1)
            columns = torch.cat([before, trees.paths + prefix], dim=1)
            for layer in range(self._loaded.n_layers):
                cache.put(layer, 0, 0, *whole.at(layer, trees.where, columns))
        return _Found(torch.cat(logits)[rows.argsort()], cache, recorded)

    def _exact(self, logits: Float[Tensor, "row 1 vocab"]) -> Float[Tensor, "row 1 vocab"]:
        """Rows of which nothing is changed have the original's logits, to the last bit."""
        kept, n_layers = self._reuse.kept, self._loaded.n_layers
        if kept is not None and kept.logits.numel():  # kept where somebody reads them
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
        one.record, one.finer = reuse.keep is not None, reuse.finer
        return one

    def _tree_pass(self, trees: Trees, piece: slice, whole: RowCache) -> TreePass:
        """One pass over some trees, whose keys and values stay."""
        reuse, kept = self._reuse, None
        readers, rows = trees.readers[piece], trees.rows(piece)
        if reuse.kept is not None:
            kept_rows = self._rows.new_tensor(reuse.kept_rows)[readers]
            kept = Picked(reuse.kept.own, kept_rows, trees.depths[piece])
        starts = [reuse.starts[row] for row in readers[:, 0].tolist()]
        one = TreePass(self._loaded, starts, kept, self._options)
        one.cache, one.first, one.done = whole, piece.start, self._batch.prefix
        one.on_rows = lambda n: self._on_rows(readers[:n, 0])
        one.on_lasts = lambda n: self._on_rows(rows[:n])
        one.record, one.finer = reuse.keep is not None, reuse.finer
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
        one.record, one.finer = reuse.keep is not None, reuse.finer
        ids = self._batch.begun[rows, :prefix]
        one.run(ids, ids.new_full((len(chosen),), prefix))
        if one.record:
            self._shared = _states(_recorded([one]), self._prefix, slice(0, prefix))
        places = {reuse.owners[row]: place for place, row in enumerate(chosen)}
        self._before = self._rows.new_tensor([places[owner] for owner in reuse.owners])

    def _begun_cache(self, part: slice | Rows, n_columns: int) -> RowCache:
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


def _recorded(passes: Sequence[LayeredPass]) -> _Recorded:
    """What each layer read in some passes, in one piece."""
    inputs = [_in_one(list(parts)) for parts in zip(*(one.inputs for one in passes), strict=True)]
    places = passes[0].products
    products = {place: _in_one([one.products[place] for one in passes]) for place in places}
    return _Recorded(inputs, products)


def _in_one(parts: Sequence[Tensor]) -> Float[Tensor, "row token d_model"]:
    """The rows of all parts; behind shorter ones stand zeros."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([functional.pad(one, (0, 0, 0, width - one.shape[1])) for one in parts])


def _states(recorded: _Recorded, cache: RowCache, columns: slice) -> States:
    known = [cache.columns(layer, columns) for layer in range(cache.n_layers)]
    keys, values = zip(*((keys.clone(), values.clone()) for keys, values in known), strict=True)
    return States(recorded.inputs, list(keys), list(values), recorded.products)


def logits_to_keep(loaded: LoadedModel) -> dict[str, int]:
    """Without it, the prefill would compute logits for every prompt token."""
    known = inspect.signature(loaded.model.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in known else {}
