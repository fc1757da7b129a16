"""The greedy decode loop for one batch: what `generate(do_sample=False)` gives, leaner."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import FloatTensor, LongTensor, Tensor
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.answers import NO_WISHES, Answers, Unfinished, Wishes
from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.drafts import ENDS, Drafting, Tried
from studies.engine.errors import NonFiniteError
from studies.engine.grouped_heads import heads_grouped
from studies.engine.model import LoadedModel
from studies.engine.peaks import peaks_of
from studies.engine.prefill import logits_to_keep, read_prompts
from studies.engine.prompts import TokenBatch
from studies.engine.row_answers import RowAnswers
from studies.engine.row_cache import RowCache
from studies.engine.shared_steps import SharedSteps

# Finished rows leave the batch once they are this share of it: moving the cache costs about
# as much as one step reads.
_FINISHED_SHARE = 0.25
_PLAIN_CACHES = (DynamicLayer, DynamicSlidingWindowLayer)


@torch.inference_mode()
def greedy(
    loaded: LoadedModel, batch: TokenBatch, *, max_new_tokens: int, wishes: Wishes = NO_WISHES
) -> Answers:
    """Answer every row of a batch, and those of an earlier one that are wished for.

    Raises:
        NonFiniteError: the model computed NaN or infinity.
    """
    rows = _Rows(loaded, batch, max_new_tokens, wishes)
    # A copy, which lets go of what they are a view of.
    first_logits = rows.read_prompts(batch).to(torch.float32, copy=True)
    rows.end_unanswered()
    rows.follow_drafts()
    rows.look_for_verdicts()
    rows.take_over_earlier()
    rows.share_steps()
    while rows.go_on():
        rows.step(rows.drop_finished())
        rows.look_for_verdicts()
    rows.check_finite()
    return rows.found(first_logits)


class _Rows:
    """The rows of one batch while they are answered; finished ones are dropped on the way."""

    def __init__(
        self, loaded: LoadedModel, batch: TokenBatch, max_new_tokens: int, wishes: Wishes
    ) -> None:
        n_rows, self._width = batch.input_ids.shape
        self._loaded, self._wishes, self._batch = loaded, wishes, batch
        self._reuse = wishes.reuse
        self._on_rows = wishes.on_rows or (lambda rows: None)
        self._n_most = max_new_tokens
        self._mask = torch.cat(
            [batch.attention_mask, batch.attention_mask.new_ones(n_rows, max_new_tokens)], dim=1
        )
        self._padded = batch.is_padded
        ends = [] if wishes.to_the_end else end_tokens(loaded)
        self._answers = RowAnswers.none_yet(batch.lengths, max_new_tokens, ends)
        self._rows = torch.arange(n_rows, device=loaded.device)  # those in the cache
        self._rules = logits_rules(loaded, batch)
        self._cache: Any = None
        self._steps: SharedSteps | None = None  # None: rows are kept in another kind of cache
        self._keep_last = logits_to_keep(loaded)
        self._n_steps = 0
        self._tell_rows()

    def read_prompts(self, batch: TokenBatch) -> Float[Tensor, "row vocab"]:
        """Begin every answer; the raw logits of all rows."""
        if self._reuse is None:
            return self._computed(batch.input_ids, batch.positions)
        read = read_prompts(
            self._loaded,
            batch,
            self._reuse,
            n_new=self._n_most if self._n_most > 1 else 0,
            on_rows=self._on_rows,
            options=self._keep_last,
        )
        return self._continued(read.logits, read.cache)

    def follow_drafts(self) -> None:
        """Take over what others answered, as far as this model would answer the same."""
        if self._reuse is None or self._n_most == 1:
            return
        drafting = Drafting(
            loaded=self._loaded, reuse=self._reuse, cache=self._cache, on_rows=self._on_rows
        )
        firsts = self._latest()
        original = drafting.original(firsts, 0, ENDS[0])
        rest = {row: first for row, first in firsts.items() if row not in original}
        self._follow(drafting.tried(drafting.guesses(rest), self._answers.places()))
        for begin, end in pairwise((0, *ENDS)):
            original = drafting.original(firsts, max(0, begin - 1), end)
            followers = self._follow(drafting.tried(original, self._answers.places(), begin))
            self.look_for_verdicts()
            firsts = {row: one for row, one in self._latest().items() if row in followers}
        self._tell_rows()

    def _follow(self, tried: Iterable[Tried]) -> set[int]:
        """Take drafts as far as the model agrees; the rows that it agrees with altogether."""
        whole: set[int] = set()
        for rows, drafts, predicted, peaks in tried:
            same = torch.ones_like(rows, dtype=torch.bool)
            for place in range(predicted.shape[1]):
                self._answers.take(rows[same], peaks[same, place], predicted[same, place])
                left = self._answers.left()[rows]
                same &= (drafts[:, place + 1] == predicted[:, place]) & left
            whole |= set(rows[same].tolist())
        return whole

    def _latest(self) -> dict[int, int]:
        """The rows that go on, and the last token of each."""
        rows = self._answers.left().nonzero().squeeze(1)
        tokens = self._answers.latest(rows)
        return dict(zip(rows.tolist(), tokens.tolist(), strict=True))

    def take_over_earlier(self) -> None:
        """Have rows of an earlier batch answered beside those of this one, from here on."""
        earlier = self._wishes.earlier
        if earlier is None:
            return
        assert self._reuse is not None  # nor was it when they were left
        self._cache.take_over(earlier.cache)
        self._answers = self._answers.followed_by(earlier.answers)
        self._rows = torch.arange(len(self._answers.prompts), device=self._loaded.device)
        self._reuse = replace(
            self._reuse,
            starts=[*self._reuse.starts, *earlier.starts],
            places=[*self._reuse.places, *earlier.places],
        )
        self._tell_rows()

    def share_steps(self) -> None:
        """Line rows up for the steps to come, where that is known to be possible."""
        if self._reuse is None or not isinstance(self._cache, RowCache) or self._rules:
            return
        self._steps = SharedSteps(
            self._loaded,
            self._reuse,
            self._cache,
            self._on_rows,
            self._keep_last,
            plain=self._wishes.step is not None,  # compiled ones are for all rows alike
        )

    def step(self, input_ids: Int[Tensor, "row 1"]) -> None:
        """Read each row's last token, append the most likely next one."""
        columns = self._answers.places()[self._rows].unsqueeze(1)
        shared = None if self._steps is None else self._steps.shared
        if shared is None:
            self._computed(input_ids, columns)
        else:
            self._continued(shared.step(input_ids, columns), self._cache)

    def _computed(
        self, input_ids: Int[Tensor, "row token"], positions: Int[Tensor, "row token"]
    ) -> Float[Tensor, "row vocab"]:
        """Read `input_ids`, append the most likely next token; the raw logits of all rows."""
        inputs = {
            "input_ids": input_ids,
            "attention_mask": self._attended(positions),
            "position_ids": positions,
            "past_key_values": self._cache,
            "use_cache": True,
            **self._keep_last,
        }
        if isinstance(self._cache, RowCache) and input_ids.shape[1] == 1:
            run: Callable[..., Any] = self._wishes.step or self._loaded.model
            with heads_grouped(self._loaded.device, single=True):
                output = run(**inputs)
        else:
            output = self._loaded.model(**inputs)
        return self._continued(output.logits, output.past_key_values)

    def _attended(self, positions: Int[Tensor, "row token"]) -> Tensor | None:
        if isinstance(self._cache, RowCache):
            return self._cache.appends(positions)
        return self._mask[self._rows, : self._width + self._n_steps] if self._padded else None

    def _continued(
        self,
        all_logits: Float[Tensor, "row token vocab"],
        cache: Any,  # noqa: ANN401 - varies
    ) -> Float[Tensor, "row vocab"]:
        self._cache = cache
        logits: Tensor = all_logits[:, -1].to(self._loaded.device)
        scores = logits
        if self._rules:
            prompts, new = self._batch.input_ids[self._rows], self._answers.new[self._rows]
            seen = torch.cat([prompts, new[:, : self._n_steps]], dim=1)
            scores = self._rules(cast(LongTensor, seen), cast(FloatTensor, logits.float()))
        self._answers.take(self._rows, *peaks_of(scores))
        self._n_steps += 1
        return logits

    def go_on(self) -> bool:
        """Whether more rows go on than may be left for a later batch."""
        n_left = int(self._answers.left().sum())
        return n_left > (self._wishes.may_leave if self._steps is not None else 0)

    def end_unanswered(self) -> None:
        """End rows of which only the first token's probabilities are wanted."""
        if self._wishes.answered is not None:
            self._answers.end(~self._wishes.answered)

    def look_for_verdicts(self) -> None:
        """End rows whose verdict no further token can change."""
        if self._wishes.settled is not None:
            self._answers.look_for_verdicts(self._wishes.settled)

    def drop_finished(self) -> Int[Tensor, "row 1"]:
        """Take finished rows out of the cache where that pays; the tokens to read next."""
        if self._steps is not None:
            self._rows = self._steps.lined_up(self._answers)
        elif self._may_drop():
            self._drop(self._answers.left()[self._rows])
        return self._answers.latest(self._rows).unsqueeze(1)

    def _drop(self, left: Bool[Tensor, " row"]) -> None:
        if int(left.sum()) <= (1 - _FINISHED_SHARE) * len(self._rows):
            kept = left.nonzero().squeeze(1)
            self._cache.batch_select_indices(kept)
            self._rows = self._rows[kept]
            self._tell_rows()

    def _may_drop(self) -> bool:
        """Rules (a repetition penalty …) and other kinds of cache may keep more state per row."""
        layers = getattr(self._cache, "layers", [None])
        plain = all(type(layer) in _PLAIN_CACHES for layer in layers)
        return plain and not self._rules

    def _tell_rows(self) -> None:
        self._on_rows(self._rows)

    def check_finite(self) -> None:
        if not bool(self._answers.sound.all()):
            raise NonFiniteError("The model computed NaN or infinity instead of an answer.")

    def found(self, first_logits: Float[Tensor, "row vocab"]) -> Answers:
        answers = self._answers
        return Answers(
            tokens=answers.tokens(),
            finished=(answers.ended & ~answers.cut).tolist(),
            cut=answers.cut.tolist(),
            first_logits=first_logits,
            n_tokens=answers.n_made,
            unfinished=self._unfinished(),
        )

    def _unfinished(self) -> Unfinished | None:
        """The rows that are left, out of the memory that the others took."""
        left = self._answers.left()
        if self._steps is None or self._reuse is None or not bool(left.any()):
            return None
        order = self._steps.parted(left)
        rows, answers = order.tolist(), self._answers.picked(order)
        self._cache.shrink(len(rows), int(answers.prompts.max()) + self._n_most + 1)
        return Unfinished(
            rows=rows,
            answers=answers,
            cache=self._cache,
            starts=[self._reuse.starts[row] for row in rows],
            places=[self._reuse.places[row] for row in rows],
        )
