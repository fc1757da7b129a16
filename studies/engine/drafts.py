"""How the original's answers begin, tried on the ablated model in a single pass.

A trial that leaves a prompt's first token as it was mostly answers like the original for longer.
So what the original would have said is read behind such a prompt, all of it at once, and holds
as far as the model as it is now predicts it: greedy answers stay exactly what they are. Layers
below the first one that the trial changes are known of the draft as they are of the prompt.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from studies.engine.model import LoadedModel
from studies.engine.prefill import LayeredPass
from studies.engine.reading_order import pieces
from studies.engine.reuse import Kept, Picked, Reuse
from studies.engine.row_cache import RowCache

N_TOKENS = 6  # a refusal shows itself in as many; more are seldom all accepted
_LOGITS = 2**25  # numbers at once

Rows = Int[Tensor, " row"]


class Tried(NamedTuple):
    """What the model says to the drafts of some rows: row i, place j is behind draft token j."""

    rows: Rows
    drafts: Int[Tensor, "row token"]
    predicted: Int[Tensor, "row token"]  # one less than the draft has
    peaks: Float[Tensor, "row token"]  # the logit of each


def drafts_of(
    answers: Sequence[Sequence[int]], max_new_tokens: int, filler: int
) -> list[list[int]]:
    """The first tokens of some answers, as many of each; none where only one token is wanted."""
    n_tokens = min(N_TOKENS, max_new_tokens) if max_new_tokens > 1 else 0
    return [([*answer[:n_tokens]] + [filler] * n_tokens)[:n_tokens] for answer in answers]


def try_drafts(
    loaded: LoadedModel,
    reuse: Reuse,
    cache: RowCache,
    *,
    firsts: Int[Tensor, " row"],
    left: Bool[Tensor, " row"],
    lengths: Int[Tensor, " row"],
    on_rows: Callable[[Rows], None],
) -> Iterator[Tried]:
    """Read the drafts of the rows whose first token the original would have said as well.

    `firsts` are these tokens, `left` the rows that go on, `lengths` those of the prompts.
    """
    kept = reuse.kept
    if kept is None or not any(kept.drafts):
        return
    drafts = torch.tensor([kept.drafts[row] for row in reuse.kept_rows], device=firsts.device)
    follows = (drafts[:, 0] == firsts) & left
    rows = sorted(follows.nonzero().squeeze(1).tolist(), key=lambda row: reuse.starts[row])
    n_tokens = drafts.shape[1] - 1
    vocabulary = int(loaded.model.config.get_text_config().vocab_size)
    for part in pieces(len(rows), n_tokens, most_rows=_LOGITS // (n_tokens * vocabulary)):
        some = torch.tensor(rows[part], device=firsts.device)
        places = torch.arange(n_tokens, device=firsts.device) + lengths[some, None]
        one = _pass(loaded, reuse, kept, rows[part], places, on_rows)
        one.cache = cache
        logits = one.follow(drafts[some, :-1], places, some)
        peaks, predicted = logits.max(dim=-1)
        yield Tried(some, drafts[some], predicted.to(firsts.device), peaks.to(firsts.device))


def _pass(
    loaded: LoadedModel,
    reuse: Reuse,
    kept: Kept,
    rows: Sequence[int],
    places: Int[Tensor, "row token"],
    on_rows: Callable[[Rows], None],
) -> LayeredPass:
    known = Picked(kept.own, [reuse.kept_rows[row] for row in rows], places - kept.batch.prefix)
    one = LayeredPass(loaded, [reuse.starts[row] for row in rows], known, {})
    chosen = torch.tensor(rows, device=places.device)
    one.on_rows = lambda n: on_rows(chosen[:n])
    return one
