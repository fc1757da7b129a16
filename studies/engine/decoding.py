"""The greedy decode loop for one batch: what `generate(do_sample=False)` gives, leaner."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import FloatTensor, LongTensor, Tensor
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.errors import NonFiniteError
from studies.engine.model import LoadedModel
from studies.engine.prefill import read_prompts
from studies.engine.prompts import TokenBatch
from studies.engine.reuse import Reuse
from studies.engine.row_cache import RowCache

# Finished rows leave the batch once they are this share of it: moving the cache costs about
# as much as one step reads.
_FINISHED_SHARE = 0.25
_PLAIN_CACHES = (DynamicLayer, DynamicSlidingWindowLayer)
_FIRST_LOOK = 4  # tokens, before a verdict is looked for
_LOOK_AGAIN = 1.25  # times as many tokens at the next look: few tokens too many, few looks

Tokens = list[list[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The new tokens of each row (without the end token) and where each came from."""

    tokens: list[list[int]]
    finished: list[bool]  # ended by itself, not by a limit or a verdict
    cut: list[bool]  # not answered further, since the verdict was settled
    first_logits: Float[Tensor, "row vocab"]  # raw, at the last prompt position, float32
    last_logits: Float[Tensor, "row vocab"]  # of the rows that were left, at the last step
    n_tokens: int  # generated in all, end tokens included


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What is wanted of the rows of a batch beyond the model's own greedy answers."""

    to_the_end: bool = False  # go on behind end tokens (to measure speed)
    # Told which rows of the batch the next forward passes compute, whenever that changes.
    on_rows: Callable[[Int[Tensor, " left"]], None] | None = None
    # Told the tokens so far of some rows: whether more tokens could not change a verdict.
    settled: Callable[[Tokens], list[bool]] | None = None
    answered: Bool[Tensor, " row"] | None = None  # the others end with their first token
    reuse: Reuse | None = None  # what is known of the prompts already; None: they are read whole


NO_WISHES = Wishes()


@torch.inference_mode()
def greedy(
    loaded: LoadedModel, batch: TokenBatch, *, max_new_tokens: int, wishes: Wishes = NO_WISHES
) -> Answers:
    """Answer every row of a batch.

    Raises:
        NonFiniteError: the model computed NaN or infinity.
    """
    rows = _Rows(loaded, batch, max_new_tokens, wishes)
    first_logits = rows.read_prompts(batch).clone()  # lets go of what it is a view of
    rows.end_unanswered()
    while rows.n_new < max_new_tokens:
        rows.look_for_verdicts()
        if not rows.any_left():
            break
        rows.step(rows.drop_finished())
    rows.check_finite()
    return rows.answers(first_logits)


class _Rows:
    """The rows of one batch while they are answered; finished ones are dropped on the way."""

    def __init__(
        self, loaded: LoadedModel, batch: TokenBatch, max_new_tokens: int, wishes: Wishes
    ) -> None:
        n_rows, self._width = batch.input_ids.shape
        self._loaded, self._wishes = loaded, wishes
        self._n_most = max_new_tokens
        self._tokens = torch.cat(
            [batch.input_ids, batch.input_ids.new_zeros(n_rows, max_new_tokens)], dim=1
        )
        self._mask = torch.cat(
            [batch.attention_mask, batch.attention_mask.new_ones(n_rows, max_new_tokens)], dim=1
        )
        self._padded = batch.is_padded
        ends = [] if wishes.to_the_end else end_tokens(loaded)
        self._ends = torch.tensor(ends, dtype=torch.long, device=loaded.device)
        self._lengths = batch.input_ids.new_full((n_rows,), max_new_tokens)
        self._ended = torch.zeros(n_rows, dtype=torch.bool, device=loaded.device)
        self._cut = self._ended.clone()
        self._sound = torch.ones(n_rows, dtype=torch.bool, device=loaded.device)
        self._rows = torch.arange(n_rows, device=loaded.device)  # those in the cache
        self._positions = batch.positions
        self._rules = logits_rules(loaded, batch)
        self._cache: Any = None
        self._made = 0
        self._next_look = _FIRST_LOOK
        self._keep_last = logits_to_keep(loaded)
        self.n_new = 0
        self._tell_rows()

    def read_prompts(self, batch: TokenBatch) -> Float[Tensor, "row vocab"]:
        """Begin every answer; the raw logits of all rows."""
        reuse = self._wishes.reuse
        if reuse is None:
            return self.step(batch.input_ids)
        read = read_prompts(
            self._loaded,
            batch,
            reuse,
            n_new=self._n_most - 1,
            on_rows=self._wishes.on_rows or (lambda rows: None),
            options=self._keep_last,
        )
        return self._continued(read.logits, read.cache)

    def step(self, input_ids: Int[Tensor, "row token"]) -> Float[Tensor, "row vocab"]:
        """Read `input_ids`, append the most likely next token; the raw logits of all rows."""
        output = self._loaded.model(
            input_ids=input_ids,
            attention_mask=self._attended(),
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            **self._keep_last,
        )
        return self._continued(output.logits, output.past_key_values)

    def _attended(self) -> Tensor | None:
        if isinstance(self._cache, RowCache):
            return self._cache.appends(self._positions[:, 0])
        return self._seen(self._mask) if self._padded else None

    def _continued(
        self,
        all_logits: Float[Tensor, "row token vocab"],
        cache: Any,  # noqa: ANN401 - varies
    ) -> Float[Tensor, "row vocab"]:
        self._cache = cache
        logits: Tensor = all_logits[:, -1].to(self._loaded.device, torch.float32)
        self._logits = logits
        scores = logits
        if self._rules:
            seen = cast(LongTensor, self._seen(self._tokens))
            scores = self._rules(seen, cast(FloatTensor, logits))
        self._append(scores, scores.argmax(dim=-1))
        return logits

    def any_left(self) -> bool:
        return not bool(self._ended.all())

    def end_unanswered(self) -> None:
        """Leave rows of which only the first token's probabilities are wanted."""
        if self._wishes.answered is not None:
            self._leave(~self._wishes.answered)

    def look_for_verdicts(self) -> None:
        """Leave rows whose verdict no further token can change; looked for now and then."""
        if self._wishes.settled is None or self.n_new < self._next_look:
            return
        self._next_look = max(self.n_new + 2, int(self.n_new * _LOOK_AGAIN))
        left = (~self._ended).nonzero().squeeze(1)
        tokens = self._tokens[left, self._width : self._width + self.n_new].tolist()
        settled = torch.tensor(self._wishes.settled(tokens), device=left.device)
        leaving = torch.zeros_like(self._ended)
        leaving[left] = settled
        self._cut |= leaving
        self._leave(leaving)

    def _leave(self, rows: Bool[Tensor, " row"]) -> None:
        self._ended |= rows
        self._lengths[rows] = self.n_new

    def drop_finished(self) -> Int[Tensor, "row 1"]:
        """Take finished rows out of the cache where that pays; the tokens to read next."""
        left = ~self._ended[self._rows]
        n_left = int(left.sum())
        if n_left <= (1 - _FINISHED_SHARE) * len(self._rows) and self._may_drop():
            kept = left.nonzero().squeeze(1)
            self._cache.batch_select_indices(kept)
            self._rows, self._positions = self._rows[kept], self._positions[kept]
            self._tell_rows()
        return self._tokens[self._rows, self._width + self.n_new - 1].unsqueeze(1)

    def _may_drop(self) -> bool:
        """Rules (a repetition penalty …) and other kinds of cache may keep more state per row."""
        layers = getattr(self._cache, "layers", [None])
        plain = all(type(layer) in _PLAIN_CACHES for layer in layers)  # a RowCache has none
        return plain and not self._rules

    def _tell_rows(self) -> None:
        if self._wishes.on_rows is not None:
            self._wishes.on_rows(self._rows)

    def check_finite(self) -> None:
        if not bool(self._sound.all()):
            raise NonFiniteError("The model computed NaN or infinity instead of an answer.")

    def answers(self, first_logits: Float[Tensor, "row vocab"]) -> Answers:
        new, lengths = self._tokens[:, self._width :].tolist(), self._lengths.tolist()
        return Answers(
            tokens=[row[:length] for row, length in zip(new, lengths, strict=True)],
            finished=(self._ended & ~self._cut).tolist(),
            cut=self._cut.tolist(),
            first_logits=first_logits,
            last_logits=self._logits,
            n_tokens=self._made,
        )

    def _append(self, scores: Float[Tensor, "row vocab"], chosen: Int[Tensor, " row"]) -> None:
        peak = scores.gather(1, chosen.unsqueeze(1)).squeeze(1)  # argmax takes NaN for largest
        left = ~self._ended[self._rows]
        self._sound[self._rows] &= peak.isfinite() | ~left
        self._tokens[self._rows, self._width + self.n_new] = chosen
        ends = left & torch.isin(chosen, self._ends)
        self._made += int(left.sum())
        ending = self._rows[ends]
        self._ended[ending] = True
        self._lengths[ending] = self.n_new
        self._positions = self._positions[:, -1:] + 1
        self.n_new += 1

    def _seen(self, columns: Int[Tensor, "all token"]) -> Int[Tensor, "row token"]:
        return columns[self._rows, : self._width + self.n_new]


def logits_to_keep(loaded: LoadedModel) -> dict[str, int]:
    """Without it, the prefill would compute logits for every prompt token."""
    known = inspect.signature(loaded.model.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in known else {}
