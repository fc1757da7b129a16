"""The greedy decode loop for one batch: what `generate(do_sample=False)` gives, leaner."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import FloatTensor, LongTensor, Tensor
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.errors import NonFiniteError
from studies.engine.model import LoadedModel
from studies.engine.prompts import TokenBatch

# Finished rows leave the batch once they are this share of it: moving the cache costs about
# as much as one step reads.
_FINISHED_SHARE = 0.25
_PLAIN_CACHES = (DynamicLayer, DynamicSlidingWindowLayer)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The new tokens of each row (without the end token) and where each came from."""

    tokens: list[list[int]]
    finished: list[bool]  # ended by itself, not by the length limit
    first_logits: Float[Tensor, "row vocab"]  # raw, at the last prompt position, float32
    n_tokens: int  # generated in all, end tokens included


@torch.inference_mode()
def greedy(
    loaded: LoadedModel, batch: TokenBatch, *, max_new_tokens: int, to_the_end: bool = False
) -> Answers:
    """Answer every row of a batch; `to_the_end` goes on behind end tokens (to measure speed).

    Raises:
        NonFiniteError: the model computed NaN or infinity.
    """
    rows = _Rows(loaded, batch, max_new_tokens, [] if to_the_end else end_tokens(loaded))
    first_logits = rows.step(batch.input_ids).clone()  # lets go of what it is a view of
    while rows.n_new < max_new_tokens and rows.any_left():
        rows.step(rows.drop_finished())
    rows.check_finite()
    return rows.answers(first_logits)


class _Rows:
    """The rows of one batch while they are answered; finished ones are dropped on the way."""

    def __init__(
        self, loaded: LoadedModel, batch: TokenBatch, max_new_tokens: int, ends: Sequence[int]
    ) -> None:
        n_rows, self._width = batch.input_ids.shape
        self._loaded = loaded
        self._tokens = torch.cat(
            [batch.input_ids, batch.input_ids.new_zeros(n_rows, max_new_tokens)], dim=1
        )
        self._mask = torch.cat(
            [batch.attention_mask, batch.attention_mask.new_ones(n_rows, max_new_tokens)], dim=1
        )
        self._padded = bool((batch.attention_mask == 0).any())
        self._ends = torch.tensor(ends, dtype=torch.long, device=loaded.device)
        self._lengths = batch.input_ids.new_full((n_rows,), max_new_tokens)
        self._ended = torch.zeros(n_rows, dtype=torch.bool, device=loaded.device)
        self._sound = torch.ones(n_rows, dtype=torch.bool, device=loaded.device)
        self._rows = torch.arange(n_rows, device=loaded.device)  # those in the cache
        positions = batch.attention_mask.cumsum(dim=1) - 1
        self._positions = positions.masked_fill(batch.attention_mask == 0, 0)
        self._rules = logits_rules(loaded, batch)
        self._cache: Any = None
        self._made = 0
        self._keep_last = logits_to_keep(loaded)
        self.n_new = 0

    def step(self, input_ids: Int[Tensor, "row token"]) -> Float[Tensor, "row vocab"]:
        """Read `input_ids`, append the most likely next token; the raw logits of all rows."""
        output = self._loaded.model(
            input_ids=input_ids,
            attention_mask=self._seen(self._mask) if self._padded else None,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            **self._keep_last,
        )
        self._cache = output.past_key_values
        logits: Tensor = output.logits[:, -1].to(self._loaded.device, torch.float32)
        scores = logits
        if self._rules:
            seen = cast(LongTensor, self._seen(self._tokens))
            scores = self._rules(seen, cast(FloatTensor, logits))
        self._append(scores, scores.argmax(dim=-1))
        return logits

    def any_left(self) -> bool:
        return not bool(self._ended.all())

    def drop_finished(self) -> Int[Tensor, "row 1"]:
        """Take finished rows out of the cache where that pays; the tokens to read next."""
        left = ~self._ended[self._rows]
        n_left = int(left.sum())
        if n_left <= (1 - _FINISHED_SHARE) * len(self._rows) and self._may_drop():
            kept = left.nonzero().squeeze(1)
            self._cache.batch_select_indices(kept)
            self._rows, self._positions = self._rows[kept], self._positions[kept]
        return self._tokens[self._rows, self._width + self.n_new - 1].unsqueeze(1)

    def _may_drop(self) -> bool:
        """Rules (a repetition penalty …) and other kinds of cache may keep more state per row."""
        layers = getattr(self._cache, "layers", [None])
        return not self._rules and all(type(layer) in _PLAIN_CACHES for layer in layers)

    def check_finite(self) -> None:
        if not bool(self._sound.all()):
            raise NonFiniteError("The model computed NaN or infinity instead of an answer.")

    def answers(self, first_logits: Float[Tensor, "row vocab"]) -> Answers:
        new, lengths = self._tokens[:, self._width :].tolist(), self._lengths.tolist()
        return Answers(
            tokens=[row[:length] for row, length in zip(new, lengths, strict=True)],
            finished=self._ended.tolist(),
            first_logits=first_logits,
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
