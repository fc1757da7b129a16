"""Guesses of how answers go on, each tried on the ablated model in a single pass.

Trials answer a prompt in few different ways. So what the original said, or an earlier trial that
began with the same token, is read behind the prompt, all of it at once, and holds as far as the
model as it is now predicts it: greedy answers stay exactly what they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from studies.engine.model import LoadedModel
from studies.engine.prefill import LayeredPass
from studies.engine.reading_order import pieces
from studies.engine.reuse import Picked, Reuse
from studies.engine.row_cache import RowCache

# Where the rounds end in which the original's answers are tried. A refusal shows itself in the
# first; who followed that far mostly follows further.
ENDS = (6, 12, 24)
_LOGITS = 2**25  # numbers at once

Rows = Int[Tensor, " row"]
Places = Int[Tensor, "row token"]
Draft = Sequence[int]


class Tried(NamedTuple):
    """What the model says to the drafts of some rows: row i, place j is behind draft token j."""

    rows: Rows
    drafts: Int[Tensor, "row token"]
    predicted: Int[Tensor, "row token"]  # one less than the draft has
    peaks: Float[Tensor, "row token"]  # the logit of each


class Answered:
    """What the latest trial to begin a prompt's answer with a token said, end token included."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Draft] = {}

    def add(self, place: int, tokens: Draft) -> None:
        """Take note of the answer to a prompt."""
        if len(tokens) > 1:
            self._known[place, tokens[0]] = tokens

    def find(self, place: int, first: int) -> Draft:
        """The answer to a prompt that begins like this; empty if there was none."""
        return self._known.get((place, first), ())


def drafts_of(answers: Sequence[Draft], max_new_tokens: int, filler: int) -> list[list[int]]:
    """The first tokens of some answers, as many of each; none where only one token is wanted."""
    n_tokens = min(ENDS[-1], max_new_tokens) if max_new_tokens > 1 else 0
    return [([*answer[:n_tokens]] + [filler] * n_tokens)[:n_tokens] for answer in answers]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drafting:
    """Tries drafts on the rows of a batch whose prompts have just been read."""

    loaded: LoadedModel
    reuse: Reuse
    cache: RowCache
    on_rows: Callable[[Rows], None]  # told which rows a forward pass computes

    def original(self, latest: Mapping[int, int], begin: int, end: int) -> dict[int, Draft]:
        """The original's tokens, from place `begin` on, for rows whose `latest` is the first."""
        kept = self.reuse.kept
        if kept is None or not any(kept.drafts):
            return {}
        drafts = {row: kept.drafts[self.reuse.kept_rows[row]][begin:end] for row in latest}
        return {row: draft for row, draft in drafts.items() if draft[:1] == [latest[row]]}

    def guesses(self, firsts: Mapping[int, int]) -> dict[int, Draft]:
        """What earlier trials answered that began with the same tokens."""
        found = {row: self.reuse.guess(row, first) for row, first in firsts.items()}
        return {row: draft for row, draft in found.items() if draft}

    def tried(
        self, drafts: Mapping[int, Draft], places: Int[Tensor, " row"], *, is_original: bool
    ) -> Iterator[Tried]:
        """What the model says to drafts, whose first tokens have a place in each row."""
        drafts = {row: draft for row, draft in drafts.items() if len(draft) > 1}
        if is_original:
            for part in self._parts(sorted(drafts, key=self.reuse.starts.__getitem__), drafts):
                yield self._try(part, drafts, places, self._picked(part))
        else:
            for part in self._parts(sorted(drafts, key=lambda row: -len(drafts[row])), drafts):
                yield self._try(part, drafts, places, None)

    def _parts(self, rows: Sequence[int], drafts: Mapping[int, Draft]) -> Iterator[Sequence[int]]:
        if not rows:
            return
        longest = max(len(drafts[row]) for row in rows)
        vocabulary = int(self.loaded.model.config.get_text_config().vocab_size)
        for part in pieces(len(rows), longest, most_rows=_LOGITS // (longest * vocabulary)):
            yield rows[part]

    def _picked(self, rows: Sequence[int]) -> Callable[[Places], Picked]:
        kept = self.reuse.kept
        assert kept is not None
        own = [self.reuse.kept_rows[row] for row in rows]
        return lambda places: Picked(kept.own, own, places - kept.batch.prefix)

    def _try(
        self,
        rows: Sequence[int],
        drafts: Mapping[int, Draft],
        first_places: Int[Tensor, " row"],
        picked: Callable[[Places], Picked] | None,
    ) -> Tried:
        device = first_places.device
        chosen = torch.tensor(rows, device=device)
        width = max(len(drafts[row]) for row in rows)
        padded = [[*drafts[row], *[0] * (width - len(drafts[row]))] for row in rows]
        tokens = torch.tensor(padded, device=device)
        places = torch.arange(width - 1, device=device) + first_places[chosen, None]
        one = LayeredPass(
            self.loaded,
            [self.reuse.starts[row] for row in rows],
            picked and picked(places),
            {},
        )
        one.cache = self.cache
        one.on_rows = lambda n: self.on_rows(chosen[:n])
        logits = one.follow(tokens[:, :-1], places, chosen)
        peaks, predicted = logits.max(dim=-1)
        return Tried(chosen, tokens, predicted.to(device), peaks.to(device))
