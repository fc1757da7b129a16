"""Keeping what the original model computes of its prompts, for trials that begin from it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.model import LoadedModel
from studies.engine.prefill import logits_to_keep, read_prompts
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Kept, Reuse, States
from studies.engine.trees import cheaper_trees


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
