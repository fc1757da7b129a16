"""What the original model computed of some prompts, for trials that begin from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from studies.engine.parts import Place
from studies.engine.prompts import TokenBatch
from studies.engine.row_cache import RowCache
from studies.engine.tally import Tallies, Tally
from studies.engine.trees import Trees

Rows = Int[Tensor, " row"]
Tokens = Int[Tensor, "row token"]


class States(NamedTuple):
    """What a forward pass of the original computed of some rows, layer by layer."""

    inputs: list[Float[Tensor, "row token d_model"]]  # of each layer; at last the final output
    keys: list[Float[Tensor, "row head token d_head"]]
    values: list[Float[Tensor, "row head token d_head"]]
    # Of the matrices that write into the residual stream, each by the place behind it.
    products: Mapping[Place, Float[Tensor, "row token d_model"]] = MappingProxyType({})

    @property
    def n_bytes(self) -> int:
        parts = (self.inputs, self.keys, self.values, self.products.values())
        return sum(tensor.nbytes for part in parts for tensor in part)

    def without_products(self) -> "States":
        """The same for rows that begin in front of a layer."""
        return self._replace(products={})


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The original's states of one batch of prompts."""

    batch: TokenBatch
    shared: States | None  # of the prefix: a single row
    own: States  # of what follows it, and of the draft
    drafts: Sequence[Sequence[int]]  # how the original's answers begin
    logits: Float[Tensor, "row vocab"]  # of the first token of each; empty if nobody reads them

    @property
    def n_bytes(self) -> int:
        shared = self.shared.n_bytes if self.shared else 0
        return self.own.n_bytes + shared + self.logits.nbytes

    def without_products(self) -> "Kept":
        """The same for rows that begin in front of a layer."""
        shared = self.shared and self.shared.without_products()
        return replace(self, shared=shared, own=self.own.without_products())

    def rows_of(self, batch: TokenBatch, n_prompts: int) -> list[int] | None:
        """The kept row of each row of a batch; None if they were not read like this."""
        known = {place: row for row, place in enumerate(self.batch.indices)}
        places = [index % n_prompts for index in batch.indices]
        if batch.prefix != self.batch.prefix or any(place not in known for place in places):
            return None
        return [known[place] for place in places]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reuse:
    """What is known of the rows of a batch before they are read."""

    owners: Sequence[int]  # the parameter set of each row
    starts: Sequence[Place]  # where each row begins to differ from the original
    parts: Sequence[slice] = (slice(None),)  # read one after the other; in each, starts ascend
    trees: Trees | None = None  # read instead
    kept: Kept | None = None
    kept_rows: Sequence[int] = ()  # where each row stands in it
    # How the answer of a row may go on that begins with a token; empty: nobody knows.
    places: Sequence[int] = ()  # the prompt of each row; empty: each has its own
    guess: Callable[[int, int], Sequence[int]] = lambda row, first: ()
    tallies: Tallies = field(default_factory=lambda: Tallies(Tally(), Tally()))
    keep: Callable[[States | None, States], None] | None = None  # takes the original's states
    finer: bool = False  # and the products among them
    share_always: bool = False  # layers of single steps, also where that saves too little


class Known(Protocol):
    """Where rows get from what a forward pass does not compute for them."""

    @property
    def has_products(self) -> bool:
        """Whether rows may begin behind a product, not only in front of a layer."""

    def inputs(self, layer: int, part: slice, hidden: Tensor) -> Tensor:
        """What some rows read at a layer (-1: the final output); `hidden`: what others do."""

    def products(self, place: Place, part: slice, others: Tensor) -> Tensor:
        """What is in front of a place, the product of a matrix; `others`: that of others."""

    def keys_and_values(self, layer: int, part: slice) -> tuple[Tensor, Tensor]:
        """What attention sees of them."""


class Picked:
    """The kept states of some rows, at some of their tokens."""

    def __init__(
        self, states: States, rows: Sequence[int] | Tokens, tokens: slice | Tokens
    ) -> None:
        """`tokens`: the same of every row, or those of each; `rows` may differ by token too."""
        # Once for all layers: each copy to a GPU waits for it.
        self._rows = torch.as_tensor(rows, device=states.keys[0].device)
        self._states, self._tokens = states, tokens

    def inputs(
        self, layer: int, part: slice, hidden: Tensor
    ) -> Float[Tensor, "row token d_model"]:
        return self._pick(self._states.inputs[layer], part)

    @property
    def has_products(self) -> bool:
        return bool(self._states.products)

    def products(
        self, place: Place, part: slice, others: Tensor
    ) -> Float[Tensor, "row token d_model"]:
        return self._pick(self._states.products[place], part)

    def keys_and_values(self, layer: int, part: slice) -> tuple[Tensor, Tensor]:
        both = self._states.keys[layer], self._states.values[layer]
        keys, values = (self._pick(one.transpose(1, 2), part).transpose(1, 2) for one in both)
        return keys, values

    def _pick(self, tensor: Tensor, part: slice) -> Tensor:
        rows = self._rows[part].to(tensor.device)
        if isinstance(self._tokens, slice):
            return tensor[:, self._tokens][rows]  # copies no token that is not wanted
        rows = rows if rows.dim() > 1 else rows[:, None]
        return tensor[rows, self._tokens[part].to(tensor.device)]


class Twins:
    """Rows that read the same behind the same prompt: one of them computes what none changes."""

    def __init__(self, cache: RowCache, rows: Rows, columns: Tokens, twins: Sequence[int]) -> None:
        """`twins`: which row of the pass does so for each."""
        self._cache, self._rows, self._columns = cache, rows, columns
        self._twins = torch.tensor(twins, device=rows.device)

    def inputs(
        self, layer: int, part: slice, hidden: Tensor
    ) -> Float[Tensor, "row token d_model"]:
        return hidden[self._twins[part].to(hidden.device)]

    @property
    def has_products(self) -> bool:
        return True  # a twin computes them in the same pass

    def products(
        self, place: Place, part: slice, others: Tensor
    ) -> Float[Tensor, "row token d_model"]:
        return others[self._twins[part].to(others.device)]

    def keys_and_values(self, layer: int, part: slice) -> tuple[Tensor, Tensor]:
        return self._cache.at(layer, self._rows[self._twins[part]], self._columns[part])
