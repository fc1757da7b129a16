"""Whether what prefill does with a model is what the model does by itself."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from studies.engine.answers import Answers, Tokens, Wishes
from studies.engine.decoding import greedy
from studies.engine.drafts import drafts_of
from studies.engine.layered_pass import CannotJoinError
from studies.engine.model import LoadedModel
from studies.engine.parts import Place, behind, parts_of
from studies.engine.prompts import TokenBatch
from studies.engine.remembering import kept_of
from studies.engine.reuse import Kept, Reuse
from studies.engine.trees import in_trees

_ROWS = 4
_NEW = 9  # tokens: more than a draft, so that both ways of going on are used
_TOLERANCE = 1e-3  # of a probability
_ROUGH_TOLERANCE = 0.1  # for half-sized floats, whose rounding depends on the batch's shape


def reads_alike(loaded: LoadedModel, batch: TokenBatch, *, finer: bool = False) -> bool:
    """Whether rows that join at several layers get the original's probabilities.

    Asked of the original; an architecture may pass on more between its layers than is known
    here, or look at its prompts in another way. `finer`: rows that join inside the layers.
    """
    few = _forked(batch.picked([len(batch) * row // _ROWS for row in range(_ROWS)]).trimmed())
    places = _inside(loaded) if finer else _in_front(loaded)
    if not places:
        return False
    starts = [place for place in places for _ in range(2)]
    whole = _answers(loaded, few, None)
    drafts = drafts_of(whole.tokens, _NEW, filler=0)
    try:
        parts = [slice(0, len(few))]
        kept = kept_of(loaded, few, drafts, parts, whole.first_logits, finer=finer)
        joined = _answers(loaded, few, _reuse(few, starts, kept))
    except (CannotJoinError, RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    exact = loaded.model.dtype == torch.float32
    tolerance = _TOLERANCE if exact else _ROUGH_TOLERANCE
    first = (whole.first_logits.softmax(dim=-1) - joined.first_logits.softmax(dim=-1)).abs()
    return max(float(first.max()), _behind(loaded, few, joined.tokens)) <= tolerance


def _in_front(loaded: LoadedModel) -> Sequence[Place]:
    """Where rows join that begin in front of a layer, or nowhere."""
    return [loaded.n_layers * row // (_ROWS - 1) for row in range(_ROWS)]


def _inside(loaded: LoadedModel) -> Sequence[Place]:
    """Where rows join inside the layers: the first such place, one between, the last."""
    layers = [enumerate(parts) for parts in parts_of(loaded)]
    places = [behind(index, number) for index, parts in enumerate(layers) for number, _ in parts]
    return places and [places[0], places[len(places) // 2], places[-1], loaded.n_layers]


def _forked(batch: TokenBatch) -> TokenBatch:
    """Each prompt twice, the last token of one a different one: they are read in a tree."""
    twice = batch.picked([row for row in range(len(batch)) for _ in range(2)])
    ids = twice.input_ids.clone()
    ids[1::2, -1] = (ids[1::2, -1] == 0).long()
    return replace(twice, input_ids=ids)


def _reuse(batch: TokenBatch, starts: Sequence[Place], kept: Kept) -> Reuse:
    owners = [0] * len(batch)
    return Reuse(
        owners=owners,
        starts=starts,
        trees=in_trees(batch.own, owners, starts, batch.input_ids.device),
        kept=kept,
        kept_rows=range(len(batch)),
    )


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
