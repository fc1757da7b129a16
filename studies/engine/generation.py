"""Greedy answers and first-token probabilities of many prompts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.batching import BatchLimit, Progress, run_batches
from studies.engine.decoding import Answers, greedy
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """What a model answered, in the order of the prompts that were tokenised."""

    responses: list[str]
    finished: list[bool]  # ended by itself, not by the length limit
    first_logprobs: Float[Tensor, "prompt vocab"] | None  # of the first answer token, float32
    n_tokens: int  # generated in all


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
    n_prompts = sum(len(batch) for batch in batches)
    responses, finished = [""] * n_prompts, [False] * n_prompts
    logprobs: Tensor | None = None
    n_tokens = 0
    for batch, answers in _answers(loaded, batches, max_new_tokens, progress, limit):
        texts = loaded.tokenizer.batch_decode(answers.tokens, skip_special_tokens=True)
        for index, text, ended in zip(batch.indices, texts, answers.finished, strict=True):
            # PostgreSQL stores no NUL, which byte-level tokenizers can write.
            responses[index], finished[index] = text.replace("\0", "\ufffd"), ended
        n_tokens += answers.n_tokens
        if keep_logprobs:
            rows = answers.first_logits.log_softmax(dim=-1)
            if logprobs is None:
                logprobs = rows.new_empty(n_prompts, rows.shape[1])
            logprobs[list(batch.indices)] = rows
    return Generation(responses, finished, logprobs, n_tokens)


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


def _answers(
    loaded: LoadedModel,
    batches: Sequence[TokenBatch],
    max_new_tokens: int,
    progress: Progress,
    limit: BatchLimit | None,
) -> Iterator[tuple[TokenBatch, Answers]]:
    def work(batch: TokenBatch) -> Answers:
        begun = time.perf_counter()
        answers = greedy(loaded, batch, max_new_tokens=max_new_tokens)
        progress.reporter.tokens(answers.n_tokens, time.perf_counter() - begun)
        return answers

    return run_batches(batches, work, limit=limit or BatchLimit(), progress=progress)
