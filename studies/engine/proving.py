"""Whether what prefill does with a model is what the model does by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

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

_PROMPTS = 4
_NEW = 9  # tokens
_DRAFTED = 6  # of them: some are left for single steps
_TOLERANCE = 1e-3  # of a probability
_ROUGH_TOLERANCE = 0.1  # for half-sized floats, whose rounding depends on the batch's shape


class _Case(NamedTuple):
    """A row of the proof."""

    start: Place
    prompt: int
    is_fork: bool  # its last token is another one


def reads_alike(loaded: LoadedModel, batch: TokenBatch, *, finer: bool = False) -> bool:
    """Whether rows that join at several layers get the original's probabilities.

    Asked of the original; an architecture may pass on more between its layers than is known
    here, or look at its prompts in another way. `finer`: rows that join inside the layers.
    """
    places = _inside(loaded) if finer else _in_front(loaded)
    if not places:
        return False
    cases = _cases(places)
    few = _asked(batch, cases)
    whole = _answers(loaded, few, None)
    drafts = drafts_of(whole.tokens, _DRAFTED, filler=0)
    try:
        parts = [slice(0, len(few))]
        kept = kept_of(loaded, few, drafts, parts, whole.first_logits, finer=finer)
        joined = _answers(loaded, few, _reuse(few, cases, kept))
    except (CannotJoinError, RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    exact = loaded.model.dtype == torch.float32
    tolerance = _TOLERANCE if exact else _ROUGH_TOLERANCE
    first = (whole.first_logits.softmax(dim=-1) - joined.first_logits.softmax(dim=-1)).abs()
    return max(float(first.max()), _behind(loaded, few, joined.tokens)) <= tolerance


def _in_front(loaded: LoadedModel) -> Sequence[Place]:
    """Where rows join that begin in front of a layer, or nowhere."""
    return [loaded.n_layers * number // (_PROMPTS - 1) for number in range(_PROMPTS)]


def _inside(loaded: LoadedModel) -> Sequence[Place]:
    """Where rows join inside the layers: the first such place, one between, the last."""
    layers = [enumerate(parts) for parts in parts_of(loaded)]
    places = [behind(index, number) for index, parts in enumerate(layers) for number, _ in parts]
    return places and [places[0], places[len(places) // 2], places[-1], loaded.n_layers]


def _cases(places: Sequence[Place]) -> list[_Case]:
    """Each prompt three times: two forks that are read in a tree, and one that joins elsewhere."""
    return sorted(
        case
        for prompt, place in enumerate(places)
        for case in (
            _Case(place, prompt, is_fork=False),
            _Case(place, prompt, is_fork=True),
            _Case(places[~prompt], prompt, is_fork=False),
        )
    )


def _asked(batch: TokenBatch, cases: Sequence[_Case]) -> TokenBatch:
    few = batch.picked([len(batch) * case.prompt // _PROMPTS for case in cases]).trimmed()
    ids = few.input_ids.clone()
    forks = torch.tensor([case.is_fork for case in cases], device=ids.device)
    ids[forks, -1] = (ids[forks, -1] == 0).long()
    return replace(few, input_ids=ids)


def _reuse(batch: TokenBatch, cases: Sequence[_Case], kept: Kept) -> Reuse:
    owners, starts = [0] * len(batch), [case.start for case in cases]
    return Reuse(
        owners=owners,
        starts=starts,
        trees=in_trees(batch.own, owners, starts, batch.input_ids.device),
        kept=kept,
        kept_rows=range(len(batch)),
        places=[2 * case.prompt + case.is_fork for case in cases],
        share_always=True,
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
