"""One batch of rows, answered with what is known of them, beside rows that an earlier one left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.answers import Answers, Tokens, Unfinished, Wishes
from studies.engine.answers_kept import pack_answers, unpack_answers
from studies.engine.decoding import greedy
from studies.engine.decoding_rules import end_tokens
from studies.engine.drafts import drafts_of
from studies.engine.model import LoadedModel
from studies.engine.parts import Place
from studies.engine.ports import Reporter
from studies.engine.prompts import TokenBatch
from studies.engine.reading_order import in_parts
from studies.engine.remembering import Memory, kept_of
from studies.engine.reuse import Reuse
from studies.engine.trees import cheaper_trees
from studies.engine.wanted import Sets, Wanted


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, or one that its verdict cut."""

    index: int  # of the row
    tokens: list[int]  # without the end token
    finished: bool
    cut: bool


class BatchAnswers(NamedTuple):
    """What became of a batch."""

    batch: TokenBatch  # the rows that were read, in the order of their logits
    first_logits: Float[Tensor, "row vocab"]
    answers: list[Answer]  # those that are complete now, of this batch and of earlier ones


class BatchWork:
    """Answers batches of rows, each in an order of its own."""

    def __init__(
        self,
        loaded: LoadedModel,
        wanted: Wanted,
        sets: Sets,
        n_prompts: int,
        reporter: Reporter,
    ) -> None:
        """Row i of n · `n_prompts` + i is prompt i, answered by the parameter set n."""
        self._loaded, self._wanted, self._sets = loaded, wanted, sets
        self._n_prompts, self._reporter = n_prompts, reporter
        self._rest: Unfinished | None = None
        self.unfinished: Sequence[int] = ()  # the indices of those rows

    def forget(self) -> None:
        """Give up the rows that were left unfinished."""
        self._rest, self.unfinished = None, ()

    def __call__(self, batch: TokenBatch, *, more: bool) -> BatchAnswers:
        """Answer the rows of a batch; with `more` to come, half of them may be left for it."""
        begun = time.perf_counter()
        wanted = self._wanted
        starts = [self._sets.starts[index // self._n_prompts] for index in batch.indices]
        order, parts = list(range(len(batch))), [slice(0, len(batch))]
        if wanted.memory is not None:
            starts = [wanted.memory.start(place) for place in starts]
            order, parts = in_parts(batch.lengths.tolist(), starts, self._loaded.device)
        batch = batch.picked(order)
        reuse = self._reuse(batch, [starts[row] for row in order], parts)
        indices = [*batch.indices, *self.unfinished]
        wishes = self._wishes(indices, len(batch), reuse, more=more)

        def answered() -> Answers:
            return greedy(self._loaded, batch, max_new_tokens=wanted.max_new_tokens, wishes=wishes)

        found = self._recalled(batch, parts, answered) if wanted.remember else answered()
        answers = self._completed(indices, found)
        if wanted.memory is not None:
            if wanted.remember:
                self._remember(wanted.memory, batch, found, parts)
            self._note(wanted.memory, answers)
        self._reporter.tokens(found.n_tokens, time.perf_counter() - begun)
        return BatchAnswers(batch, found.first_logits, answers)

    def _wishes(
        self, indices: Sequence[int], n_own: int, reuse: Reuse | None, *, more: bool
    ) -> Wishes:
        """What is asked for rows with these indices, of which the first belong to the batch."""
        wanted = self._wanted
        rows = torch.tensor(indices, device=self._loaded.device)
        owners, prompts = rows // self._n_prompts, rows[:n_own] % self._n_prompts
        return Wishes(
            on_rows=lambda rows: self._sets.assign(owners[rows]),
            settled=self._settled if wanted.settled else None,
            answered=None if wanted.n_answers is None else prompts < wanted.n_answers,
            reuse=reuse,
            step=None if wanted.remember else self._loaded.step,
            earlier=self._rest,
            may_leave=len(indices) // 2 if more and not wanted.remember else 0,
        )

    def _completed(self, indices: Sequence[int], found: Answers) -> list[Answer]:
        """The complete answers; the other rows are left for the next batch."""
        self._rest = found.unfinished
        self.unfinished = [indices[row] for row in self._rest.rows] if self._rest else ()
        left = set(self.unfinished)
        rows = zip(indices, found.tokens, found.finished, found.cut, strict=True)
        return [Answer(*row) for row in rows if row[0] not in left]

    def _recalled(
        self, batch: TokenBatch, parts: Sequence[slice], answered: Callable[[], Answers]
    ) -> Answers:
        """What the original answers: kept, if another study has asked it the same."""
        wanted = self._wanted
        assert wanted.settled is None  # a verdict depends on a scorer
        inputs = {
            "tokens": [batch.input_ids, batch.attention_mask, batch.prefix],
            "places": [list(batch.indices), self._n_prompts],
            "parts": [[part.start, part.stop] for part in parts],
            "wanted": [wanted.max_new_tokens, wanted.n_answers, wanted.first_logprobs],
            "reads": [wanted.memory is not None, list(self._sets.starts)],
        }
        with_logits = wanted.first_logprobs or wanted.memory is not None
        pack = partial(pack_answers, with_logits=with_logits)
        unpack = partial(unpack_answers, device=self._loaded.device)
        found: Answers = self._loaded.recall.recalled("answers", inputs, answered, pack, unpack)
        return found

    def _reuse(
        self, batch: TokenBatch, starts: Sequence[Place], parts: Sequence[slice]
    ) -> Reuse | None:
        memory = self._wanted.memory
        if memory is None:
            return None
        owners = [index // self._n_prompts for index in batch.indices]
        kept, rows = memory.find(batch, self._n_prompts) or (None, [])
        places = [index % self._n_prompts for index in batch.indices]
        return Reuse(
            owners=owners,
            starts=starts,
            parts=parts,
            trees=cheaper_trees(batch.own, owners, starts, parts, self._loaded.device),
            kept=kept,
            kept_rows=rows,
            places=places,
            guess=lambda row, first: memory.answered.find(places[row], first),
            tallies=memory.tallies,
        )

    def _remember(
        self, memory: Memory, batch: TokenBatch, found: Answers, parts: Sequence[slice]
    ) -> None:
        """Keep the original's states of the prompts and of how it begins to answer them."""
        filler = next(iter(end_tokens(self._loaded)), 0)
        drafts = drafts_of(found.tokens, self._wanted.max_new_tokens, filler)
        logits = found.first_logits[:, : None if self._wanted.first_logprobs else 0]
        memory.keep(kept_of(self._loaded, batch, drafts, parts, logits, finer=memory.finer))

    def _note(self, memory: Memory, answers: Sequence[Answer]) -> None:
        ends = end_tokens(self._loaded)[:1]
        for one in answers:
            tokens = one.tokens + ends if one.finished else one.tokens
            memory.answered.add(one.index % self._n_prompts, tokens)

    def _settled(self, tokens: Tokens) -> list[bool]:
        settled = self._wanted.settled
        assert settled is not None
        texts = texts_of(self._loaded, tokens)
        found = {text: settled(text) for text in set(texts)}
        return [found[text] for text in texts]


def texts_of(loaded: LoadedModel, tokens: Tokens) -> list[str]:
    """The text of each answer; trials side by side say much the same, which is read once."""
    keys = list(map(tuple, tokens))
    distinct = list(set(keys))
    texts = loaded.tokenizer.batch_decode(list(map(list, distinct)), skip_special_tokens=True)
    # PostgreSQL stores no NUL, which byte-level tokenizers can write.
    plain = [text.replace("\0", "\ufffd") for text in texts]
    found = dict(zip(distinct, plain, strict=True))
    return [found[key] for key in keys]
