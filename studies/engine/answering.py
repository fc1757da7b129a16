"""One model answering the prompt sets of one study, in batches that fit."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from studies.engine.batching import BatchLimit, Progress, choose_batch_size
from studies.engine.decoding import greedy
from studies.engine.errors import PromptSetError
from studies.engine.generation import Generation, answer
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prefix import Skips, detect_prefix, prefix_prompts
from studies.engine.prompts import Prompt, TokenBatch, render, tokenize
from studies.engine.scorers.base import Need, PromptSlice, ScoringContext

_PROBE_TOKENS = 8  # per prompt: enough steps to outweigh the prefill's start


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
            found = greedy(self._loaded, batch, max_new_tokens=n_tokens, to_the_end=True)
            return found.n_tokens

        largest = min(largest, len(texts))
        progress = self._progress("batch size")
        self.limit.size = choose_batch_size(probe, largest=largest, progress=progress)

    def find_prefix(self, good: str, bad: str, skips: Skips) -> None:
        """Take what all answers to these two prompt sets begin with as the prefix."""
        prompts = prefix_prompts(self._prompt_sets[good], self._prompt_sets[bad])
        progress = self._progress("response prefix")

        def compared(prefix: str, n_tokens: int) -> Generation:
            batches = self._tokenized(prompts, prefix)
            return answer(
                self._loaded, batches, max_new_tokens=n_tokens, progress=progress, limit=self.limit
            )

        self.prefix = detect_prefix(compared, skips, max_new_tokens=self._max_response_length)

    def context(self, needs: Sequence[Need], phase: str) -> ScoringContext:
        """What scorers may ask of the model in the state that it is in now."""
        prompts = {need.prompts: prompts_of(self._prompt_sets, need.prompts) for need in needs}
        return ScoringContext(prompts, needs, lambda need: self._answer(need, phase))

    def batches(self, chosen: PromptSlice) -> list[TokenBatch]:
        """The tokens of a slice, prefix included, in batches that fit as far as is known."""
        if chosen not in self._batches:
            self._batches[chosen] = self._tokenized(
                prompts_of(self._prompt_sets, chosen), self.prefix
            )
        return [part for batch in self._batches[chosen] for part in self.limit.fit(batch)]

    def _answer(self, need: Need, phase: str) -> Generation:
        return answer(
            self._loaded,
            self.batches(need.prompts),
            max_new_tokens=self._max_response_length if need.responses else 1,
            progress=self._progress(phase),
            limit=self.limit,
            keep_logprobs=need.first_logprobs,
        )

    def _tokenized(self, prompts: Sequence[Prompt], prefix: str) -> list[TokenBatch]:
        texts = render(self._loaded.tokenizer, prompts, prefix)
        return tokenize(self._loaded, texts, self.limit.size or len(texts))

    def _longest_set(self) -> Sequence[Prompt]:
        return max(self._prompt_sets.values(), key=len)

    def _progress(self, phase: str) -> Progress:
        return Progress(self._reporter, self._stop, phase)


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
