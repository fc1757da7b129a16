"""Whether what prefill does with a model is what the model does by itself."""

import torch
from torch import Tensor

from studies.engine.answers import Answers, Tokens, Wishes
from studies.engine.decoding import greedy
from studies.engine.drafts import drafts_of
from studies.engine.layered_pass import CannotJoinError
from studies.engine.model import LoadedModel
from studies.engine.prompts import TokenBatch
from studies.engine.remembering import kept_of
from studies.engine.reuse import Reuse

_ROWS = 8  # pairs with the same prompt, which share layers
_NEW = 9  # tokens
_DRAFTED = 6  # of them: some are left for single steps
_TOLERANCE = 1e-3  # of a probability
_ROUGH_TOLERANCE = 0.1  # for half-sized floats, whose rounding depends on the batch's shape


def reads_alike(loaded: LoadedModel, batch: TokenBatch) -> bool:
    """Whether rows that join at several layers get the original's probabilities.

    Asked of the original; an architecture may pass on more between its layers than is known
    here, or look at its prompts in another way.
    """
    few = batch.picked([len(batch) * (row // 2 * 2) // _ROWS for row in range(_ROWS)]).trimmed()
    starts = [loaded.n_layers * row // (_ROWS - 1) for row in range(_ROWS)]
    whole = _answers(loaded, few, None)
    drafts = drafts_of(whole.tokens, _DRAFTED, filler=0)
    try:
        parts = [slice(0, len(few))]
        kept = kept_of(loaded, few, drafts, parts, whole.first_logits)
        reuse = Reuse(
            owners=[0] * len(few),
            starts=starts,
            kept=kept,
            kept_rows=range(len(few)),
            places=few.indices,
            share_always=True,
        )
        joined = _answers(loaded, few, reuse)
    except (CannotJoinError, RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    exact = loaded.model.dtype == torch.float32
    tolerance = _TOLERANCE if exact else _ROUGH_TOLERANCE
    first = (whole.first_logits.softmax(dim=-1) - joined.first_logits.softmax(dim=-1)).abs()
    return max(float(first.max()), _behind(loaded, few, joined.tokens)) <= tolerance


def _behind(loaded: LoadedModel, batch: TokenBatch, tokens: Tokens) -> float:
    """How far answers are from greedy ones: the most that a token's probability is too low."""
    asked = batch.followed_by(tokens)
    with torch.inference_mode():
        output = loaded.model(
            input_ids=asked.input_ids,
            attention_mask=asked.attention_mask,
            position_ids=asked.positions,
            use_cache=False,
        )
    n_new = len(tokens[0])
    before: Tensor = output.logits[:, -n_new - 1 : -1]
    chosen = asked.input_ids[:, -n_new:].to(before.device)
    predicted = before.float().softmax(dim=-1)
    own = predicted.gather(2, chosen.unsqueeze(2)).squeeze(2)
    return float((predicted.amax(dim=-1) - own).max())


def _answers(loaded: LoadedModel, batch: TokenBatch, reuse: Reuse | None) -> Answers:
    wishes = Wishes(to_the_end=True, reuse=reuse)
    return greedy(loaded, batch, max_new_tokens=_NEW, wishes=wishes)
