"""What rows of a batch have answered so far, and which of them go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_FIRST_LOOK = 4  # tokens, before a verdict is looked for
_LOOK_AGAIN = 1.25  # times as many tokens at the next look: few tokens too many, few looks
_OF_ROWS = ("prompts", "new", "counts", "looked", "lengths", "ended", "cut", "sound")


@dataclass(slots=True, eq=False)
class RowAnswers:
    """The new tokens of each row, and how far it is."""

    n_most: int  # new tokens of a row
    ends: Int[Tensor, " end"]  # tokens that end an answer
    prompts: Int[Tensor, " row"]  # tokens of each
    new: Int[Tensor, "row token"]
    counts: Int[Tensor, " row"]  # new tokens so far
    looked: Int[Tensor, " row"]  # tokens at the last look for a verdict
    lengths: Int[Tensor, " row"]  # tokens of the answers that have ended
    ended: Bool[Tensor, " row"]
    cut: Bool[Tensor, " row"]  # ended by a verdict
    sound: Bool[Tensor, " row"]  # no logit was NaN or infinite
    n_made: int = 0  # tokens, by this batch

    @classmethod
    def none_yet(
        cls, prompts: Int[Tensor, " row"], n_most: int, ends: Sequence[int]
    ) -> "RowAnswers":
        """Nothing is answered; `prompts`: the tokens of each row's."""
        none = torch.zeros_like(prompts)
        return cls(
            n_most=n_most,
            ends=torch.tensor(ends, dtype=torch.long, device=prompts.device),
            prompts=prompts,
            # One place more than is wanted: a finished row may be computed on, behind its tokens.
            new=prompts.new_zeros(len(prompts), n_most + 1),
            counts=none,
            looked=none.clone(),
            lengths=none.clone(),
            ended=none.bool(),
            cut=none.bool(),
            sound=~none.bool(),
        )

    def picked(self, rows: Int[Tensor, " row"]) -> "RowAnswers":
        """Some rows, in that order."""
        some: dict[str, Any] = {name: getattr(self, name)[rows] for name in _OF_ROWS}
        return replace(self, n_made=0, **some)

    def followed_by(self, other: "RowAnswers") -> "RowAnswers":
        """These rows and those of another batch, of which as many tokens are wanted."""
        both: dict[str, Any] = {
            name: torch.cat([getattr(self, name), getattr(other, name)]) for name in _OF_ROWS
        }
        return replace(self, **both)

    def left(self) -> Bool[Tensor, " row"]:
        """The rows that go on."""
        return ~self.ended & (self.counts < self.n_most)

    def places(self) -> Int[Tensor, " row"]:
        """Where the last token of each row stands, prompt included."""
        return self.prompts + self.counts - 1

    def latest(self, rows: Int[Tensor, " row"]) -> Int[Tensor, " row"]:
        """The last token of some rows."""
        return self.new[rows, self.counts[rows] - 1]

    def texts(self, rows: Int[Tensor, " row"]) -> dict[int, tuple[int, ...]]:
        """What some rows have said so far."""
        said = zip(self.new[rows].tolist(), self.counts[rows].tolist(), strict=True)
        texts = [tuple(tokens[:count]) for tokens, count in said]
        return dict(zip(rows.tolist(), texts, strict=True))

    def take(
        self,
        rows: Int[Tensor, " some"],
        peaks: Float[Tensor, " some"],
        chosen: Int[Tensor, " some"],
    ) -> None:
        """Give some rows their next token; `peaks` are its logits."""
        left = self.left()[rows]
        self.sound[rows] &= peaks.isfinite() | ~left
        self.new[rows, self.counts[rows]] = chosen
        ending = rows[left & torch.isin(chosen, self.ends)]
        self.ended[ending] = True
        self.lengths[ending] = self.counts[ending]
        self.counts[rows] += left.long()
        self.n_made += int(left.sum())

    def end(self, rows: Bool[Tensor, " row"]) -> None:
        """End some rows where they are."""
        self.ended |= rows
        self.lengths[rows] = self.counts[rows]

    def look_for_verdicts(self, settled: Callable[[list[list[int]]], list[bool]]) -> None:
        """End rows whose verdict no further token can change; looked for now and then.

        A row is cut at the first number of tokens at which one looks and sees it, however many
        it got at once.
        """
        for n_tokens in _looks(self.n_most):
            due = ~self.ended & (self.looked < n_tokens) & (n_tokens <= self.counts)
            rows = due.nonzero().squeeze(1)
            if len(rows):
                self.looked[rows] = n_tokens
                seen = settled(self.new[rows, :n_tokens].tolist())
                self._cut_at(rows[torch.tensor(seen, device=rows.device)], n_tokens)

    def _cut_at(self, rows: Int[Tensor, " row"], n_tokens: int) -> None:
        self.cut[rows] = self.ended[rows] = True
        self.lengths[rows] = n_tokens

    def tokens(self) -> list[list[int]]:
        """Those of each answer so far, without the end token."""
        lengths = self.lengths.where(self.ended, self.counts)
        rows = zip(self.new.tolist(), lengths.tolist(), strict=True)
        return [row[:length] for row, length in rows]


def _looks(n_most: int) -> list[int]:
    """The numbers of tokens at which one looks for a verdict."""
    found = [_FIRST_LOOK]
    while found[-1] < n_most:
        found.append(max(found[-1] + 2, int(found[-1] * _LOOK_AGAIN)))
    return found[:-1]
