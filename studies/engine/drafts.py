"""Guesses of how answers go on, each tried on the ablated model in a single pass.

Trials answer a prompt in few different ways. So what the original said, or an earlier trial that
began with the same token, is read behind the prompt, all of it at once, and holds as far as the
model as it is now predicts it: greedy answers stay exactly what they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from studies.engine.layered_pass import LayeredPass
from studies.engine.lineup import twins_of
from studies.engine.model import LoadedModel
from studies.engine.peaks import peaks_of
from studies.engine.reading_order import in_parts, pieces
from studies.engine.reuse import Known, Picked, Reuse, Twins
from studies.engine.row_cache import RowCache

# Where the rounds end in which the original's answers are tried. A refusal shows itself in the
# first; who followed that far mostly follows further.
ENDS = (6, 12, 24, 48)
# Of the tokens of answers that began alike; below, whole guesses cost more than steps.
_ALIKE = 0.7
# Numbers of logits at once.
_LOGITS = 2**25
_LOGITS_ON_GPU = 2**29

Rows = Int[Tensor, " row"]
Places = Int[Tensor, "row token"]
Draft = Sequence[int]


class Tried(NamedTuple):
    """What the model says to the drafts of some rows: row i, place j is behind draft token j."""

    rows: Rows
    drafts: Int[Tensor, "row token"]
    predicted: Int[Tensor, "row token"]  # one less than the draft has
    peaks: Float[Tensor, "row token"]  # the logit of each

    @property
    def n_held(self) -> int:
        """How many tokens are as the drafts have them, up to the first of a row that is not."""
        same = self.drafts[:, 1:] == self.predicted
        return int(same.long().cumprod(dim=1).sum())


class Answered:
    """What the latest trial to begin a prompt's answer with a token said, end token included."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Draft] = {}
        self._compared = self._same = 0  # tokens of answers that began alike

    def add(self, place: int, tokens: Draft) -> None:
        """Take note of the answer to a prompt."""
        if len(tokens) > 1:
            known = self._known.get((place, tokens[0]), ())[1:]
            pairs = list(zip(known, tokens[1:], strict=False))
            self._compared += len(pairs)
            self._same += sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            self._known[place, tokens[0]] = tokens

    def find(self, place: int, first: int) -> Draft:
        """The answer to a prompt that begins like this, as far as it is worth trying.

        Empty if there was none; its beginning, where answers that began alike went apart.
        """
        known = self._known.get((place, first), ())
        return known if self._same >= _ALIKE * self._compared else known[: ENDS[0]]


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
        self,
        drafts: Mapping[int, Draft],
        places: Int[Tensor, " row"],
        begin: int | None = None,
    ) -> Iterator[Tried]:
        """What the model says to drafts, whose first tokens have a place in each row.

        `begin`: where they begin in the original's answers; None: they are guesses.
        """
        tallies, is_original = self.reuse.tallies, begin is not None
        tally = tallies.earlier if begin is None else tallies.original[begin]
        drafts = {row: draft for row, draft in drafts.items() if len(draft) > 1}
        n_tokens = sum(len(draft) - 1 for draft in drafts.values())
        if not tally.pays(n_tokens, self.loaded.device):
            return
        rows = sorted(drafts, key=lambda row: -len(drafts[row]))
        n_tried = n_held = 0
        for part in self._parts(rows, [len(drafts[row]) for row in rows]):
            tried = self._try(part, drafts, places, is_original=is_original)
            n_tried, n_held = n_tried + tried.predicted.numel(), n_held + tried.n_held
            yield tried
        tally.add(n_tried, n_held)

    def _parts(self, rows: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
        if not rows:
            return
        vocabulary = int(self.loaded.model.config.get_text_config().vocab_size)
        starts = [self.reuse.starts[row] for row in rows]
        device = self.loaded.device
        order, parts = in_parts(lengths, starts, device)
        at_once = _LOGITS if device.type == "cpu" else _LOGITS_ON_GPU
        for part in parts:
            some = [rows[place] for place in order[part]]
            most = at_once // (max(lengths[place] for place in order[part]) * vocabulary)
            for piece in pieces(len(some), 1, most_rows=most):
                yield some[piece]

    def _try(
        self,
        rows: Sequence[int],
        drafts: Mapping[int, Draft],
        first_places: Int[Tensor, " row"],
        *,
        is_original: bool,
    ) -> Tried:
        device, starts = first_places.device, self.reuse.starts
        twins: dict[int, int] = {}
        if not is_original:
            keys = {row: (self.reuse.places[row], *drafts[row]) for row in rows}
            twins = twins_of(keys, starts)
        # A row that computes for others does so from the first layer on.
        begins = {row: 0 if twins.get(row) == row else starts[row] for row in rows}
        rows = sorted(rows, key=lambda row: (begins[row], twins.get(row) != row))
        chosen = torch.tensor(rows, device=device)
        width = max(len(drafts[row]) for row in rows)
        padded = [[*drafts[row], *[0] * (width - len(drafts[row]))] for row in rows]
        tokens = torch.tensor(padded, device=device)
        columns = torch.arange(width - 1, device=device) + first_places[chosen, None]
        if is_original:
            known = self._original_states(rows, columns)
        else:
            order = {row: place for place, row in enumerate(rows)}
            known = Twins(self.cache, chosen, columns, [order[twins[row]] for row in rows])
        one = LayeredPass(self.loaded, [begins[row] for row in rows], known, {})
        one.cache = self.cache
        one.on_rows = lambda n: self.on_rows(chosen[:n])
        logits = one.follow(tokens[:, :-1], columns, chosen)
        peaks, predicted = peaks_of(logits)
        return Tried(chosen, tokens, predicted.to(device), peaks.to(device))

    def _original_states(self, rows: Sequence[int], columns: Places) -> Known:
        kept = self.reuse.kept
        assert kept is not None
        own = [self.reuse.kept_rows[row] for row in rows]
        return Picked(kept.own, own, columns - kept.batch.prefix)
