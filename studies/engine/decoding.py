"""The greedy decode loop for one batch: what `generate(do_sample=False)` gives, leaner."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import FloatTensor, LongTensor, Tensor
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studies.engine.answers import NO_WISHES, Answers, Wishes
from studies.engine.decoding_rules import end_tokens, logits_rules
from studies.engine.drafts import ENDS, Drafting, Tried
from studies.engine.errors import NonFiniteError
from studies.engine.grouped_heads import heads_grouped
from studies.engine.model import LoadedModel
from studies.engine.peaks import peaks_of
from studies.engine.prefill import logits_to_keep, read_prompts
from studies.engine.prompts import TokenBatch
from studies.engine.row_cache import RowCache
from studies.engine.shared_steps import SharedSteps

# Finished rows leave the batch once they are this share of it: moving the cache costs about
# as much as one step reads.
_FINISHED_SHARE = 0.25
_PLAIN_CACHES = (DynamicLayer, DynamicSlidingWindowLayer)
_FIRST_LOOK = 4  # tokens, before a verdict is looked for
_LOOK_AGAIN = 1.25  # times as many tokens at the next look: few tokens too many, few looks


@torch.inference_mode()
def greedy(
    loaded: LoadedModel, batch: TokenBatch, *, max_new_tokens: int, wishes: Wishes = NO_WISHES
) -> Answers:
    """Answer every row of a batch.

    Raises:
        NonFiniteError: the model computed NaN or infinity.
    """
    rows = _Rows(loaded, batch, max_new_tokens, wishes)
    # A copy, which lets go of what they are a view of.
    first_logits = rows.read_prompts(batch).to(torch.float32, copy=True)
    rows.end_unanswered()
    rows.follow_drafts()
    rows.look_for_verdicts()
    while rows.any_left():
        rows.step(rows.drop_finished())
        rows.look_for_verdicts()
    rows.check_finite()
    return rows.answers(first_logits)


class _Rows:
    """The rows of one batch while they are answered; finished ones are dropped on the way."""

    def __init__(
        self, loaded: LoadedModel, batch: TokenBatch, max_new_tokens: int, wishes: Wishes
    ) -> None:
        n_rows, self._width = batch.input_ids.shape
        self._loaded, self._wishes, self._batch = loaded, wishes, batch
        self._n_most = max_new_tokens
        # One place more than is wanted: a finished row may be computed on, behind its tokens.
        self._new = batch.input_ids.new_zeros(n_rows, max_new_tokens + 1)
        self._mask = torch.cat(
            [batch.attention_mask, batch.attention_mask.new_ones(n_rows, max_new_tokens)], dim=1
        )
        self._padded = batch.is_padded
        ends = [] if wishes.to_the_end else end_tokens(loaded)
        self._ends = torch.tensor(ends, dtype=torch.long, device=loaded.device)
        self._prompts = batch.lengths
        self._counts = torch.zeros_like(self._prompts)  # new tokens so far
        self._looked = torch.zeros_like(self._prompts)  # tokens at the last look for a verdict
        self._lengths = torch.full_like(self._prompts, max_new_tokens)
        self._ended = torch.zeros(n_rows, dtype=torch.bool, device=loaded.device)
        self._cut = self._ended.clone()
        self._sound = torch.ones(n_rows, dtype=torch.bool, device=loaded.device)
        self._rows = torch.arange(n_rows, device=loaded.device)  # those in the cache
        self._rules = logits_rules(loaded, batch)
        self._cache: Any = None
        self._steps: SharedSteps | None = None  # None: rows are kept in another kind of cache
        self._made = 0
        self._looks = _looks(max_new_tokens)
        self._keep_last = logits_to_keep(loaded)
        self._n_steps = 0
        self._tell_rows()

    def read_prompts(self, batch: TokenBatch) -> Float[Tensor, "row vocab"]:
        """Begin every answer; the raw logits of all rows."""
        reuse = self._wishes.reuse
        if reuse is None:
            return self._computed(batch.input_ids, batch.positions)
        on_rows = self._wishes.on_rows or (lambda rows: None)
        read = read_prompts(
            self._loaded,
            batch,
            reuse,
            n_new=self._n_most if self._n_most > 1 else 0,
            on_rows=on_rows,
            options=self._keep_last,
        )
        if read.cache is not None and not self._rules:
            self._steps = SharedSteps(
                self._loaded,
                reuse,
                read.cache,
                on_rows,
                self._keep_last,
                plain=self._wishes.step is not None,  # compiled ones are for all rows alike
            )
        return self._continued(read.logits, read.cache)

    def follow_drafts(self) -> None:
        """Take over what others answered, as far as this model would answer the same."""
        reuse = self._wishes.reuse
        if reuse is None or self._n_most == 1:
            return
        on_rows = self._wishes.on_rows or (lambda rows: None)
        drafting = Drafting(loaded=self._loaded, reuse=reuse, cache=self._cache, on_rows=on_rows)
        firsts = self._latest()
        original = drafting.original(firsts, 0, ENDS[0])
        rest = {row: first for row, first in firsts.items() if row not in original}
        self._follow(drafting.tried(drafting.guesses(rest), self._places()))
        for begin, end in pairwise((0, *ENDS)):
            original = drafting.original(firsts, max(0, begin - 1), end)
            followers = self._follow(drafting.tried(original, self._places(), begin))
            self.look_for_verdicts()
            firsts = {row: one for row, one in self._latest().items() if row in followers}
        self._tell_rows()

    def _follow(self, tried: Iterable[Tried]) -> set[int]:
        """Take drafts as far as the model agrees; the rows that it agrees with altogether."""
        whole: set[int] = set()
        for rows, drafts, predicted, peaks in tried:
            same = torch.ones_like(rows, dtype=torch.bool)
            for place in range(predicted.shape[1]):
                self._take(rows[same], peaks[same, place], predicted[same, place])
                same &= (drafts[:, place + 1] == predicted[:, place]) & self._left()[rows]
            whole |= set(rows[same].tolist())
        return whole

    def _latest(self) -> dict[int, int]:
        """The rows that go on, and the last token of each."""
        rows = self._left().nonzero().squeeze(1)
        tokens = self._new[rows, self._counts[rows] - 1]
        return dict(zip(rows.tolist(), tokens.tolist(), strict=True))

    def _places(self) -> Int[Tensor, " row"]:
        """Where the last token of each row stands, prompt included."""
        return self._prompts + self._counts - 1

    def step(self, input_ids: Int[Tensor, "row 1"]) -> None:
        """Read each row's last token, append the most likely next one."""
        columns = self._places()[self._rows].unsqueeze(1)
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
            prompts, new = self._batch.input_ids[self._rows], self._new[self._rows]
            seen = torch.cat([prompts, new[:, : self._n_steps]], dim=1)
            scores = self._rules(cast(LongTensor, seen), cast(FloatTensor, logits.float()))
        self._take(self._rows, *peaks_of(scores))
        self._n_steps += 1
        return logits

    def any_left(self) -> bool:
        return bool(self._left().any())

    def _left(self) -> Bool[Tensor, " row"]:
        """The rows of the batch that go on."""
        return ~self._ended & (self._counts < self._n_most)

    def end_unanswered(self) -> None:
        """Leave rows of which only the first token's probabilities are wanted."""
        if self._wishes.answered is not None:
            self._leave(~self._wishes.answered)

    def look_for_verdicts(self) -> None:
        """Leave rows whose verdict no further token can change; looked for now and then.

        A row is cut at the first number of tokens at which one looks and sees it, however many
        it got at once.
        """
        if self._wishes.settled is None:
            return
        for n_tokens in self._looks:
            due = ~self._ended & (self._looked < n_tokens) & (n_tokens <= self._counts)
            rows = due.nonzero().squeeze(1)
            if len(rows):
                self._looked[rows] = n_tokens
                settled = self._wishes.settled(self._new[rows, :n_tokens].tolist())
                self._cut_at(rows[torch.tensor(settled, device=rows.device)], n_tokens)

    def _cut_at(self, rows: Int[Tensor, " row"], n_tokens: int) -> None:
        self._cut[rows] = self._ended[rows] = True
        self._lengths[rows] = n_tokens

    def _leave(self, rows: Bool[Tensor, " row"]) -> None:
        self._ended |= rows
        self._lengths[rows] = self._counts[rows]

    def drop_finished(self) -> Int[Tensor, "row 1"]:
        """Take finished rows out of the cache where that pays; the tokens to read next."""
        if self._steps is not None:
            self._rows = self._steps.lined_up(self._left(), self._new, self._counts)
        elif self._may_drop():
            self._drop(self._left()[self._rows])
        return self._new[self._rows, self._counts[self._rows] - 1].unsqueeze(1)

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
        if self._wishes.on_rows is not None:
            self._wishes.on_rows(self._rows)

    def check_finite(self) -> None:
        if not bool(self._sound.all()):
            raise NonFiniteError("The model computed NaN or infinity instead of an answer.")

    def answers(self, first_logits: Float[Tensor, "row vocab"]) -> Answers:
        new, lengths = self._new.tolist(), self._lengths.tolist()
        return Answers(
            tokens=[row[:length] for row, length in zip(new, lengths, strict=True)],
            finished=(self._ended & ~self._cut).tolist(),
            cut=self._cut.tolist(),
            first_logits=first_logits,
            n_tokens=self._made,
        )

    def _take(
        self,
        rows: Int[Tensor, " some"],
        peaks: Float[Tensor, " some"],
        chosen: Int[Tensor, " some"],
    ) -> None:
        """Give some rows their next token; `peaks` are its logits."""
        left = self._left()[rows]
        self._sound[rows] &= peaks.isfinite() | ~left
        self._new[rows, self._counts[rows]] = chosen
        ending = rows[left & torch.isin(chosen, self._ends)]
        self._ended[ending] = True
        self._lengths[ending] = self._counts[ending]
        self._counts[rows] += left.long()
        self._made += int(left.sum())


def _looks(max_new_tokens: int) -> list[int]:
    """The numbers of tokens at which one looks for a verdict."""
    found = [_FIRST_LOOK]
    while found[-1] < max_new_tokens:
        found.append(max(found[-1] + 2, int(found[-1] * _LOOK_AGAIN)))
    return found[:-1]
