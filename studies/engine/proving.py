"""Whether what prefill does with a model is what the model does by itself."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.decoding import Answers, Wishes, greedy
from studies.engine.model import LoadedModel
from studies.engine.prefill import CannotJoinError
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Kept, Reuse

_ROWS = 4
_NEW = 3  # tokens: the first comes from the prompt, the others from what is kept of it
_TOLERANCE = 1e-3  # of a probability
_ROUGH_TOLERANCE = 0.1  # for half-sized floats, whose rounding depends on the batch's shape


def reads_alike(loaded: LoadedModel, batch: TokenBatch) -> bool:
    """Whether rows that join at several layers get the original's probabilities.

    Asked of the original; an architecture may pass on more between its layers than is known
    here, or look at its prompts in another way.
    """
    few = batch.picked(range(len(batch))[:: max(1, len(batch) // _ROWS)][:_ROWS]).trimmed()
    kept: list[Kept] = []
    known = Reuse(owners=[0] * len(few), starts=[0] * len(few), keep=kept.append)
    starts = [loaded.n_layers * row // max(1, len(few) - 1) for row in range(len(few))]
    try:
        _answers(loaded, few, known)
        again = replace(known, starts=starts, keep=None, kept=kept[0], kept_rows=range(len(few)))
        joined = _answers(loaded, few, again)
    except (CannotJoinError, RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    whole = _answers(loaded, few, None)
    same = [row for row in range(len(few)) if whole.tokens[row][:-1] == joined.tokens[row][:-1]]
    exact = loaded.model.dtype == torch.float32
    pairs = (
        (whole.first_logits, joined.first_logits),
        (whole.last_logits[same], joined.last_logits[same]),
    )
    apart = max(_apart(a, b) for a, b in pairs)
    return apart <= (_TOLERANCE if exact else _ROUGH_TOLERANCE)


def _answers(loaded: LoadedModel, batch: TokenBatch, reuse: Reuse | None) -> Answers:
    wishes = Wishes(to_the_end=True, reuse=reuse)
    return greedy(loaded, batch, max_new_tokens=_NEW, wishes=wishes)


def _apart(a: Float[Tensor, "row vocab"], b: Float[Tensor, "row vocab"]) -> float:
    """The largest difference of a probability; 0 of no rows."""
    differences = (a.softmax(dim=-1) - b.softmax(dim=-1)).abs()
    return float(differences.max()) if differences.numel() else 0.0
