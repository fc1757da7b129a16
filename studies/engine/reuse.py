"""What the original model computed of some prompts, for trials that begin from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from studies.engine.prompts import TokenBatch

Tokens = Int[Tensor, "row token"]


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
    own: States  # of what follows it, and of the draft
    drafts: Sequence[Sequence[int]]  # how the original's answers begin

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
    starts: Sequence[int]  # the first layer at which each row differs from the original
    parts: Sequence[slice] = (slice(None),)  # read one after the other; in each, starts ascend
    kept: Kept | None = None
    kept_rows: Sequence[int] = ()  # where each row stands in it
    # How the answer of a row may go on that begins with a token; empty: nobody knows.
    guess: Callable[[int, int], Sequence[int]] = lambda row, first: ()
    keep: Callable[[Kept], None] | None = None  # takes the states; the model is the original now
    drafts: Sequence[Sequence[int]] = ()  # with `keep`: the tokens that end each row


class Picked:
    """The kept states of some rows, at some of their tokens."""

    def __init__(self, states: States, rows: Sequence[int], tokens: slice | Tokens) -> None:
        """`tokens`: the same of every row, or those of each."""
        self._states, self._rows, self._tokens = states, torch.tensor(rows), tokens

    def inputs(self, layer: int, part: slice) -> Float[Tensor, "row token d_model"]:
        return self._pick(self._states.inputs[layer], part)

    def keys_and_values(self, layer: int, part: slice) -> tuple[Tensor, Tensor]:
        both = self._states.keys[layer], self._states.values[layer]
        keys, values = (self._pick(one.transpose(1, 2), part).transpose(1, 2) for one in both)
        return keys, values

    def _pick(self, tensor: Tensor, part: slice) -> Tensor:
        rows = self._rows[part].to(tensor.device)
        if isinstance(self._tokens, slice):
            return tensor[rows][:, self._tokens]
        return tensor[rows[:, None], self._tokens[part].to(tensor.device)]
