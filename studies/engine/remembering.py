"""Keeping what the original model computes of its prompts, for trials that begin from it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.drafts import Answered
from studies.engine.model import LoadedModel
from studies.engine.parts import Place, in_front
from studies.engine.prefill import logits_to_keep, read_prompts
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Kept, Reuse, States
from studies.engine.tally import Tallies, Tally
from studies.engine.trees import cheaper_trees


class Memory:
    """The states of the original model for some prompts, batch by batch."""

    def __init__(self, room: int, *, finer: bool = True) -> None:
        """`room`: bytes that may be taken; what would take more is not kept.

        `finer`: rows may begin inside a layer.
        """
        self._room, self._kept = room, list[Kept]()
        self.finer = finer
        self.answered = Answered()
        self.tallies = Tallies(Tally(), Tally())

    def keep(self, kept: Kept) -> None:
        """Keep the states, without their products where the room is short."""
        if kept.n_bytes > self._room:
            kept = kept.without_products()
        if kept.n_bytes <= self._room:
            self._room -= kept.n_bytes
            self._kept.append(kept)

    def start(self, place: Place) -> Place:
        """Where a row begins that differs from some place on."""
        return place if self.finer else in_front(place)

    def find(self, batch: TokenBatch, n_prompts: int) -> tuple[Kept, list[int]] | None:
        """What holds every row of a batch, and where."""
        for kept in self._kept:
            rows = kept.rows_of(batch, n_prompts)
            if rows is not None:
                return kept, rows
        return None

    def forget(self) -> None:
        """Keep nothing, and nothing more."""
        self._room, self._kept = 0, []


@torch.inference_mode()
def kept_of(
    loaded: LoadedModel,
    batch: TokenBatch,
    drafts: Sequence[Sequence[int]],
    parts: Sequence[slice],
    first_logits: Float[Tensor, "row vocab"],
    *,
    finer: bool = False,
) -> Kept:
    """The states of prompts and of `drafts` of answers behind them; the model is the original.

    `finer`: with the products, so that rows may begin inside a layer.
    """
    found: list[tuple[States | None, States]] = []
    none = [0] * len(batch)
    whole = batch.followed_by(drafts)
    reuse = Reuse(
        owners=none,
        starts=none,
        parts=parts,
        trees=cheaper_trees(whole.own, none, none, parts, loaded.device),
        keep=lambda *both: found.append(both),
        finer=finer,
    )
    read_prompts(
        loaded,
        whole,
        reuse,
        n_new=0,
        on_rows=lambda rows: None,
        options=logits_to_keep(loaded),
    )
    ((shared, own),) = found
    return Kept(batch, shared, own, drafts, first_logits)
