"""One forward pass in which rows take part from their own layer on."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from studies.engine.forwards import first_rows, replace_forward
from studies.engine.grouped_heads import heads_grouped
from studies.engine.model import LoadedModel
from studies.engine.part_joins import PartJoin, keep_product
from studies.engine.parts import Part, Place, behind, in_front, parts_of
from studies.engine.reuse import Known, Rows
from studies.engine.row_cache import RowCache


class CannotJoinError(RuntimeError):
    """The layers of a model pass on more than hidden states."""


class LayeredPass:
    """Runs a model of which each row needs only what lies behind the place where it begins."""

    cache: "RowCache | Callable[[int], RowCache]"  # or what makes one with so many columns
    on_rows: Callable[[int], None]
    record = False  # keep what goes into the layers …
    finer = False  # … and the products in them
    first = 0  # its first row in the cache
    done = 0  # columns that stand before
    _reads_several = True  # tokens of a row

    def __init__(
        self,
        loaded: LoadedModel,
        starts: Sequence[Place],
        kept: Known | None,
        options: dict[str, Any],
    ) -> None:
        self._loaded, self._kept, self._options = loaded, kept, options
        self._n_rows = len(starts)
        if kept is None:
            starts = [0] * len(starts)
        elif not kept.has_products:
            starts = [in_front(start) for start in starts]
        self._starts = starts
        # How many rows run each layer whole, and how many take part in it at all.
        self._whole = [bisect_left(starts, behind(layer, 0)) for layer in range(loaded.n_layers)]
        self._active = [bisect_left(starts, layer + 1) for layer in range(loaded.n_layers)]
        self.on_lasts: Callable[[int], None] = lambda n: None  # told before some run alone
        self.inputs: list[Tensor] = []
        self.products: dict[Place, Tensor] = {}
        self._told = -1
        # Rows and places of the tokens whose logits count, row by row; None: all do.
        self._lasts: tuple[Rows, Rows] | None = None

    def run(
        self, ids: Int[Tensor, "row token"], lengths: Int[Tensor, " row"]
    ) -> Float[Tensor, "row 1 vocab"]:
        """Read rows that begin in the first column; the logits behind each."""
        width = int(lengths.max())
        device = ids.device
        self._lasts = torch.arange(len(ids), device=device), lengths - 1
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
                known.put(layer, self.first + self._whole[layer], self.done, keys, values)
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
            self.cache.put_at(layer, self._whole[layer], keys, values)
        logits: Tensor = output.logits
        return logits

    def step(
        self, ids: Int[Tensor, "row 1"], columns: Int[Tensor, "row 1"]
    ) -> Float[Tensor, "row 1 vocab"]:
        """Read one token of each of the first rows of the cache; the logits behind it.

        Rows stand as before in the layers that do not compute them.
        """
        assert isinstance(self.cache, RowCache)
        self._reads_several = False
        output = self._through_layers(
            input_ids=ids,
            attention_mask=self.cache.appends(columns),
            position_ids=columns,
            past_key_values=self.cache,
            use_cache=True,
            **self._options,
        )
        logits: Tensor = output.logits
        return logits

    def _through_layers(self, **inputs: object) -> Any:  # noqa: ANN401 - the library's own class
        with ExitStack() as changed:
            for index, layer in enumerate(self._loaded.layers):
                replace_forward(changed, layer, partial(self._run_layer, index, layer.forward))
            mlp = self._last_mlp()
            if self._whole != self._active or (self.record and self.finer):
                self._run_parts(changed, mlp)
            if mlp is not None:
                replace_forward(changed, mlp, partial(self._only_last, mlp.forward))
            single = not self._reads_several
            changed.enter_context(heads_grouped(self._loaded.device, single=single))
            return self._loaded.model(**inputs)

    def _last_mlp(self) -> nn.Module | None:
        """That of the last layer, if only the last token of each row goes through it."""
        mlp = getattr(self._loaded.layers[-1], "mlp", None)
        only_last = self._lasts is not None and not self.record
        return mlp if only_last and isinstance(mlp, nn.Module) else None

    def _run_parts(self, changed: ExitStack, only_last: nn.Module | None) -> None:
        """Let each part of a layer run without the rows that begin behind it."""
        for index, parts in enumerate(parts_of(self._loaded)):
            for number, part in enumerate(parts):
                place, n = behind(index, number), self._active[index]
                n_own = bisect_left(self._starts, place)
                if self.record:
                    keep_product(changed, part, partial(self.products.__setitem__, place))
                elif n_own < n:
                    self._join(changed, part, place, n_own, is_last=part.module is only_last)

    def _join(
        self, changed: ExitStack, part: Part, place: Place, n_own: int, *, is_last: bool
    ) -> None:
        """`is_last`: only the tokens that count go through it."""
        n = self._active[in_front(place)]
        known = partial(self._known_products, place, slice(n_own, n), only_last=is_last)
        if is_last:
            n, n_own = self._n_lasts(n), self._n_lasts(n_own)
        PartJoin(part=part, n_rows=n, n_own=n_own, known=known).enter(changed)

    def _known_products(
        self, place: Place, part: slice, others: Tensor, *, only_last: bool
    ) -> Tensor:
        assert self._kept is not None
        found = self._kept.products(place, part, others)
        return self._at_last(found, part) if only_last else found

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
            some = partial(first_rows, n_rows=self._n_rows, n=n)
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
        lasts = self._lasts_of(hidden, slice(0, len(hidden)))
        self.on_lasts(len(lasts[0]))
        last = forward(hidden[lasts].unsqueeze(1), *args, **kwargs)
        if not isinstance(last, Tensor):
            raise CannotJoinError(type(last).__name__)
        return torch.zeros_like(hidden).index_put_(lasts, last[:, 0])

    def _finished(self, hidden: Tensor, n: int) -> Tensor:
        """What goes on behind the last layer: of prompts, nothing but the last token."""
        if self._kept is not None and n < self._n_rows:
            hidden = torch.cat([hidden, self._kept.inputs(-1, slice(n, None), hidden)])
        if self.record:
            self.inputs.append(hidden)
        every = slice(0, len(hidden))
        return hidden if self._lasts is None else self._at_last(hidden, every)

    def _at_last(self, hidden: Tensor, part: slice) -> Float[Tensor, "last 1 d_model"]:
        """`part`: which rows of the pass these are."""
        return hidden[self._lasts_of(hidden, part)].unsqueeze(1)

    def _lasts_of(self, hidden: Tensor, part: slice) -> tuple[Rows, Rows]:
        """Rows and places of the tokens that count, in these rows of the pass."""
        assert self._lasts is not None
        chosen = slice(self._n_lasts(part.start), self._n_lasts(part.stop))
        rows, places = (one[chosen].to(hidden.device) for one in self._lasts)
        return rows - part.start, places

    def _n_lasts(self, n_rows: int) -> int:
        """How many of the tokens that count are in the first rows."""
        assert self._lasts is not None
        return int(torch.searchsorted(self._lasts[0], n_rows))

    def _missing(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Keys and values of the rows that a layer has not seen, as in the original."""
        if self._kept is None:
            return
        for layer, n in enumerate(self._whole):
            if n < self._n_rows:
                yield layer, *self._kept.keys_and_values(layer, slice(n, None))
