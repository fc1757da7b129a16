"""One model answering the prompt sets of one study, in batches that fit."""

import logging
import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from studies.engine.answers import Wishes
from studies.engine.batching import BatchLimit, Progress, choose_batch_size, free_memory
from studies.engine.decoding import greedy
from studies.engine.decoding_rules import logits_rules
from studies.engine.errors import PromptSetError
from studies.engine.generation import Generation, answer, answer_sets
from studies.engine.model import LoadedModel, row_bytes
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prefill import may_share
from studies.engine.prefix import Skips, detect_prefix, prefix_prompts
from studies.engine.prompts import Prompt, TokenBatch, render, shared_prefix, tokenize
from studies.engine.proving import reads_alike
from studies.engine.remembering import Memory
from studies.engine.scorers.base import Need, PromptSlice, ScoringContext
from studies.engine.study_settings import StudySettings
from studies.engine.wanted import ALONE, Sets, Wanted

logger = logging.getLogger(__name__)
_PROBE_TOKENS = 8  # per prompt: enough steps to outweigh the prefill's start
_MEMORY_SHARE = 0.2  # of what is free when the original has been loaded, for its states
_WORK_SHARE = 0.5  # of what is free, for trials side by side
_LEAST_PREFIX = 4  # tokens; a second pass for fewer costs more than it saves


class Answering:
    """Tokenises each prompt set once, and remembers which batch size fits."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompt_sets: Mapping[str, Sequence[Prompt]],
        *,
        max_response_length: int,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        self._loaded = loaded
        self._prompt_sets = prompt_sets
        self._max_response_length = max_response_length
        self._reporter, self._stop = reporter, stop
        self._batches: dict[PromptSlice, list[TokenBatch]] = {}
        self._begun: dict[PromptSlice, list[TokenBatch]] = {}  # the same, their prefix first
        # Of the original; empty where a model's states cannot be put together from parts.
        self._memories: dict[PromptSlice, Memory] = {}
        self._finer = False  # whether they may be put together inside a layer
        self.limit = BatchLimit(1)
        self.prefix = ""

    def find_batch_size(self, largest: int) -> None:
        """Take the fastest batch size up to `largest`, tried on the longest prompts.

        Raises:
            DeviceMemoryError: not even one prompt fits.
        """
        texts = render(self._loaded.tokenizer, self._longest_set())
        texts.sort(key=len, reverse=True)

        def probe(size: int) -> int:
            n_tokens = min(_PROBE_TOKENS, self._max_response_length)
            (batch,) = tokenize(self._loaded, texts[:size], size)
            wishes = Wishes(to_the_end=True)
            found = greedy(self._loaded, batch, max_new_tokens=n_tokens, wishes=wishes)
            return found.n_tokens

        largest = min(largest, len(texts))
        progress = self._progress("batch size")
        self.limit.size = self._loaded.recall.fact(
            "batch size",
            {"texts": texts[:largest], "most": [largest, self._max_response_length]},
            lambda: choose_batch_size(probe, largest=largest, progress=progress),
        )

    def find_prefix(self, good: str, bad: str, skips: Skips) -> None:
        """Take what all answers to these two prompt sets begin with as the prefix."""
        prompts = prefix_prompts(self._prompt_sets[good], self._prompt_sets[bad])
        progress = self._progress("response prefix")

        def compared(prefix: str, n_tokens: int) -> Generation:
            batches = self._tokenized(prompts, prefix)
            return answer(
                self._loaded, batches, max_new_tokens=n_tokens, progress=progress, limit=self.limit
            )

        longest = self._max_response_length
        self.prefix = self._loaded.recall.fact(
            "response prefix",
            {
                "texts": render(self._loaded.tokenizer, prompts),
                "rules": [[list(skip) for skip in skips], longest, self.limit.size],
            },
            lambda: detect_prefix(compared, skips, max_new_tokens=longest),
        )

    def contexts(
        self, needs: Sequence[Need], phase: str, sets: Sets = ALONE, *, remember: bool = False
    ) -> list[ScoringContext]:
        """What scorers may ask of the model in each of the states that it is in now.

        `remember`: it is the original, whose states later trials begin from.
        """
        prompts = {need.prompts: prompts_of(self._prompt_sets, need.prompts) for need in needs}
        if remember and self._may_share(needs):
            room = int(_MEMORY_SHARE * free_memory(self._loaded.device)) // len(prompts)
            self._memories = {chosen: Memory(room, finer=self._finer) for chosen in prompts}
        found: dict[PromptSlice, list[Generation]] = {}

        def answered(need: Need, number: int) -> Generation:
            if need.prompts not in found:
                found[need.prompts] = self._answer(need, phase, sets, remember=remember)
            return found[need.prompts][number]

        return [
            ScoringContext(prompts, needs, lambda need, number=number: answered(need, number))  # type: ignore[misc]
            for number in range(sets.count)
        ]

    def batches(self, chosen: PromptSlice) -> list[TokenBatch]:
        """The tokens of a slice, prefix included, in batches that fit as far as is known."""
        if chosen not in self._batches:
            self._batches[chosen] = self._tokenized(
                prompts_of(self._prompt_sets, chosen), self.prefix
            )
        return [part for batch in self._batches[chosen] for part in self.limit.fit(batch)]

    def most_sets(self, most: int) -> int:
        """How many trials side by side, up to `most`, should fit into the free memory.

        The processor's memory has to be judged beforehand: who takes too much of it is killed.
        """
        longest = max(batch.width for some in self._batches.values() for batch in some)
        rows = self.limit.size or max(map(len, self._prompt_sets.values()))
        needed = rows * row_bytes(self._loaded, longest, self._max_response_length)
        free = _WORK_SHARE * free_memory(self._loaded.device)
        return max(1, min(most, int(free / needed)))

    def _may_share(self, needs: Sequence[Need]) -> bool:
        longest = max(batch.width for need in needs for batch in self.batches(need.prompts))
        (first, *_) = self.batches(needs[0].prompts)
        if not may_share(self._loaded, longest + self._max_response_length):
            return False
        if logits_rules(self._loaded, first):
            return False
        begun = first.with_prefix(shared_prefix([first]))
        self._finer = reads_alike(self._loaded, begun, finer=True)
        alike = self._finer or reads_alike(self._loaded, begun)
        if not alike:
            logger.warning("states of %s cannot be used again", self._loaded.architecture)
        return alike

    def _begun_batches(self, chosen: PromptSlice) -> list[TokenBatch]:
        """The prompts of a slice; where that can be read once, what they begin with is first."""
        if not self._memories:
            return self.batches(chosen)
        if chosen not in self._begun:
            whole = self.batches(chosen)
            prefix = shared_prefix(whole)
            if prefix < _LEAST_PREFIX:
                prefix = 0
            self._begun[chosen] = [batch.with_prefix(prefix) for batch in whole]
        return [part for batch in self._begun[chosen] for part in self.limit.fit(batch)]

    def _answer(self, need: Need, phase: str, sets: Sets, *, remember: bool) -> list[Generation]:
        wanted = Wanted(
            max_new_tokens=self._max_response_length if need.responses else 1,
            first_logprobs=need.first_logprobs,
            n_answers=need.n_answers,
            settled=need.settled,
            memory=self._memories.get(need.prompts),
            remember=remember,
        )
        return answer_sets(
            self._loaded,
            self._begun_batches(need.prompts),
            wanted,
            progress=self._progress(phase),
            limit=self.limit,
            sets=sets,
        )

    def _tokenized(self, prompts: Sequence[Prompt], prefix: str) -> list[TokenBatch]:
        texts = render(self._loaded.tokenizer, prompts, prefix)
        return tokenize(self._loaded, texts, self.limit.size or len(texts))

    def _longest_set(self) -> Sequence[Prompt]:
        return max(self._prompt_sets.values(), key=len)

    def _progress(self, phase: str) -> Progress:
        return Progress(self._reporter, self._stop, phase)


def answering_as_set(
    loaded: LoadedModel,
    prompt_sets: Mapping[str, Sequence[Prompt]],
    settings: StudySettings,
    *,
    reporter: Reporter,
    stop: StopSignal,
) -> Answering:
    """Answers with the batch size and prefix of the settings, which are found where left open.

    Raises:
        Stopped: the host wants to end.
        DeviceMemoryError: not even one prompt fits.
    """
    answering = Answering(
        loaded,
        prompt_sets,
        max_response_length=settings.max_response_length,
        reporter=reporter,
        stop=stop,
    )
    if settings.batch_size:
        answering.limit.size = settings.batch_size
    else:
        answering.find_batch_size(settings.max_batch_size)
    if settings.response_prefix is None:
        skips = settings.chain_of_thought_skips
        answering.find_prefix(settings.good_prompts, settings.bad_prompts, skips)
    else:
        answering.prefix = settings.response_prefix
    return answering


def prompts_of(
    prompt_sets: Mapping[str, Sequence[Prompt]], chosen: PromptSlice
) -> Sequence[Prompt]:
    """The prompts of a slice.

    Raises:
        PromptSetError: the set is unknown or empty.
    """
    found = prompt_sets.get(chosen.slug)
    if not found:
        why = "does not exist" if found is None else "is empty"
        raise PromptSetError(f'The prompt set "{chosen.slug}" {why}.')
    return found[: chosen.n_prompts]


def seed_everything(seed: int | None) -> None:
    """Start every random generator that libraries may use; None leaves them as they are."""
    if seed is None:
        return
    random.seed(seed)
    np.random.seed(seed % 2**32)  # the global one: what libraries draw from
    torch.manual_seed(seed)
