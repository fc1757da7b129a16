"""One forward pass in which rows take part from their own layer on."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from studies.engine.grouped_heads import heads_grouped
from studies.engine.model import LoadedModel
from studies.engine.reuse import Known, Rows
from studies.engine.row_cache import RowCache


class CannotJoinError(RuntimeError):
    """The layers of a model pass on more than hidden states."""


class LayeredPass:
    """Runs a model of which each row needs only the layers from its own first one on."""

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
            changed.enter_context(heads_grouped(self._loaded.device))
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
