"""Greedy answers and first-token probabilities of many prompts."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from studies.engine.answers import Answers, Tokens, Wishes
from studies.engine.answers_kept import pack_answers, unpack_answers
from studies.engine.batching import BatchLimit, Progress, run_batches
from studies.engine.decoding import greedy
from studies.engine.decoding_rules import end_tokens
from studies.engine.drafts import drafts_of
from studies.engine.model import LoadedModel
from studies.engine.parts import Place
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch
from studies.engine.reading_order import in_parts
from studies.engine.remembering import Memory, kept_of
from studies.engine.reuse import Reuse
from studies.engine.trees import cheaper_trees


@dataclass(slots=True, eq=False)
class Generation:
    """What a model answered, in the order of the prompts that were tokenised."""

    responses: list[str]
    finished: list[bool]  # ended by itself, not by the length limit or a verdict
    first_logprobs: Float[Tensor, "prompt vocab"] | None  # of the first answer token, float32
    n_tokens: int  # generated in all
    cut: list[bool] = field(default_factory=list)  # not answered further: the verdict was settled


@dataclass(frozen=True, slots=True)
class Sets:
    """Parameter sets that answer the same prompts side by side, in rows of one batch."""

    assign: Callable[[Int[Tensor, " row"]], None]  # told which set each computed row belongs to
    starts: Sequence[Place]  # of each set, where rows begin to differ by it

    @property
    def count(self) -> int:
        return len(self.starts)


ALONE = Sets(lambda owners: None, [0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of the answers to some prompts."""

    max_new_tokens: int
    first_logprobs: bool = False
    n_answers: int | None = None  # the prompts behind these only get their first token; None: all
    settled: Callable[[str], bool] | None = None  # whether no more text could change the verdict
    memory: Memory | None = None  # of these prompts
    remember: bool = False  # the model is the original: fill the memory


def answer(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    *,
    max_new_tokens: int,
    progress: Progress,
    limit: BatchLimit | None = None,
    keep_logprobs: bool = False,
) -> Generation:
    """Answers, and on request the first token's log-probabilities from the same prefill.

    Raises:
        Stopped: the host wants to end; asked before each batch.
        NonFiniteError: the model computed NaN or infinity.
        DeviceMemoryError: a single prompt does not fit.
    """
    wanted = Wanted(max_new_tokens=max_new_tokens, first_logprobs=keep_logprobs)
    return answer_sets(loaded, batches, wanted, progress=progress, limit=limit)[0]


def answer_sets(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    wanted: Wanted,
    *,
    progress: Progress,
    limit: BatchLimit | None = None,
    sets: Sets = ALONE,
) -> list[Generation]:
    """What each parameter set makes the model answer; raises as `answer` does."""
    n_prompts = sum(len(batch) for batch in batches)
    found = [_nothing(n_prompts) for _ in range(sets.count)]
    repeated = [batch.repeated(sets.count, n_prompts) for batch in batches]
    work = _Work(loaded, wanted, sets, n_prompts, progress.reporter)
    parts = run_batches(repeated, work, limit=limit or BatchLimit(), progress=progress)
    for _, (batch, answers) in parts:
        _collect(loaded, found, batch, answers)
        if wanted.first_logprobs:
            _collect_logprobs(found, batch, answers)
    return found


def generate(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    *,
    max_new_tokens: int,
    reporter: Reporter,
    stop: StopSignal,
    phase: str = "generating",
) -> list[str]:
    """The greedy answers alone; raises as `answer` does."""
    progress = Progress(reporter, stop, phase)
    return answer(loaded, batches, max_new_tokens=max_new_tokens, progress=progress).responses


def first_token_logprobs(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    *,
    reporter: Reporter,
    stop: StopSignal,
    phase: str = "scoring",
) -> Float[Tensor, "prompt vocab"]:
    """Log-probabilities of the first answer token (float32); raises as `answer` does."""
    progress = Progress(reporter, stop, phase)
    found = answer(loaded, batches, max_new_tokens=1, progress=progress, keep_logprobs=True)
    return torch.empty(0, 0) if found.first_logprobs is None else found.first_logprobs


@dataclass(frozen=True, slots=True)
class _Work:
    """Answers one batch of rows, in an order of its own."""

    loaded: LoadedModel
    wanted: Wanted
    sets: Sets
    n_prompts: int
    reporter: Reporter

    def __call__(self, batch: TokenBatch) -> tuple[TokenBatch, Answers]:
        begun = time.perf_counter()
        wanted = self.wanted
        starts = [self.sets.starts[index // self.n_prompts] for index in batch.indices]
        order, parts = list(range(len(batch))), [slice(0, len(batch))]
        if wanted.memory is not None:
            starts = [wanted.memory.start(place) for place in starts]
            order, parts = in_parts(batch.lengths.tolist(), starts, self.loaded.device)
        batch = batch.picked(order)
        places = torch.tensor(batch.indices, device=batch.input_ids.device)
        n_answers = wanted.n_answers
        wishes = Wishes(
            on_rows=lambda rows: self.sets.assign(places[rows] // self.n_prompts),
            settled=self._settled if wanted.settled else None,
            answered=None if n_answers is None else places % self.n_prompts < n_answers,
            reuse=self._reuse(batch, [starts[row] for row in order], parts),
            step=None if wanted.remember else self.loaded.step,
        )

        def answered() -> Answers:
            return greedy(self.loaded, batch, max_new_tokens=wanted.max_new_tokens, wishes=wishes)

        found = self._recalled(batch, parts, answered) if wanted.remember else answered()
        if wanted.memory is not None:
            if wanted.remember:
                self._remember(wanted.memory, batch, found, parts)
            self._note(wanted.memory, batch, found)
        self.reporter.tokens(found.n_tokens, time.perf_counter() - begun)
        return batch, found

    def _recalled(
        self, batch: TokenBatch, parts: Sequence[slice], answered: Callable[[], Answers]
    ) -> Answers:
        """What the original answers: kept, if another study has asked it the same."""
        wanted = self.wanted
        assert wanted.settled is None  # a verdict depends on a scorer
        inputs = {
            "tokens": [batch.input_ids, batch.attention_mask, batch.prefix],
            "places": [list(batch.indices), self.n_prompts],
            "parts": [[part.start, part.stop] for part in parts],
            "wanted": [wanted.max_new_tokens, wanted.n_answers, wanted.first_logprobs],
            "reads": [wanted.memory is not None, list(self.sets.starts)],
        }
        with_logits = wanted.first_logprobs or wanted.memory is not None
        pack = partial(pack_answers, with_logits=with_logits)
        unpack = partial(unpack_answers, device=self.loaded.device)
        found: Answers = self.loaded.recall.recalled("answers", inputs, answered, pack, unpack)
        return found

    def _reuse(
        self, batch: TokenBatch, starts: Sequence[Place], parts: Sequence[slice]
    ) -> Reuse | None:
        memory = self.wanted.memory
        if memory is None:
            return None
        owners = [index // self.n_prompts for index in batch.indices]
        kept, rows = memory.find(batch, self.n_prompts) or (None, [])
        places = [index % self.n_prompts for index in batch.indices]
        return Reuse(
            owners=owners,
            starts=starts,
            parts=parts,
            trees=cheaper_trees(batch.own, owners, starts, parts, self.loaded.device),
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
        filler = next(iter(end_tokens(self.loaded)), 0)
        drafts = drafts_of(found.tokens, self.wanted.max_new_tokens, filler)
        logits = found.first_logits[:, : None if self.wanted.first_logprobs else 0]
        memory.keep(kept_of(self.loaded, batch, drafts, parts, logits, finer=memory.finer))

    def _note(self, memory: Memory, batch: TokenBatch, found: Answers) -> None:
        ends = end_tokens(self.loaded)[:1]
        rows = zip(batch.indices, found.tokens, found.finished, strict=True)
        for index, tokens, finished in rows:
            memory.answered.add(index % self.n_prompts, tokens + ends if finished else tokens)

    def _settled(self, tokens: Tokens) -> list[bool]:
        assert self.wanted.settled is not None
        texts = _texts(self.loaded, tokens)
        found = {text: self.wanted.settled(text) for text in set(texts)}
        return [found[text] for text in texts]


def _nothing(n_prompts: int) -> Generation:
    return Generation([""] * n_prompts, [False] * n_prompts, None, 0, [False] * n_prompts)


def _collect(
    loaded: LoadedModel, found: Sequence[Generation], batch: TokenBatch, answers: Answers
) -> None:
    n_prompts = len(found[0].responses)
    texts = _texts(loaded, answers.tokens)
    for row, index in enumerate(batch.indices):
        one, place = found[index // n_prompts], index % n_prompts
        one.responses[place] = texts[row]
        one.finished[place], one.cut[place] = answers.finished[row], answers.cut[row]
        one.n_tokens += len(answers.tokens[row]) + answers.finished[row]


def _collect_logprobs(found: Sequence[Generation], batch: TokenBatch, answers: Answers) -> None:
    n_prompts = len(found[0].responses)
    rows = answers.first_logits.log_softmax(dim=-1)
    places = torch.tensor(batch.indices, device=rows.device)
    for number, one in enumerate(found):
        if one.first_logprobs is None:
            one.first_logprobs = rows.new_empty(n_prompts, rows.shape[1])
        own = places // n_prompts == number
        one.first_logprobs[places[own] % n_prompts] = rows[own]


def _texts(loaded: LoadedModel, tokens: Tokens) -> list[str]:
    """The text of each answer; trials side by side say much the same, which is read once."""
    keys = list(map(tuple, tokens))
    distinct = list(set(keys))
    texts = loaded.tokenizer.batch_decode(list(map(list, distinct)), skip_special_tokens=True)
    # PostgreSQL stores no NUL, which byte-level tokenizers can write.
    plain = [text.replace("\0", "\ufffd") for text in texts]
    found = dict(zip(distinct, plain, strict=True))
    return [found[key] for key in keys]
