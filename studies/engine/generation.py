"""Greedy answers and first-token probabilities of many prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from studies.engine.batch_runs import run_refilled
from studies.engine.batch_work import Answer, BatchWork, texts_of
from studies.engine.batching import BatchLimit, Progress
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch
from studies.engine.wanted import ALONE, Sets, Wanted


@dataclass(slots=True, eq=False)
class Generation:
    """What a model answered, in the order of the prompts that were tokenised."""

    responses: list[str]
    finished: list[bool]  # ended by itself, not by the length limit or a verdict
    first_logprobs: Float[Tensor, "prompt vocab"] | None  # of the first answer token, float32
    n_tokens: int  # generated in all
    cut: list[bool] = field(default_factory=list)  # not answered further: the verdict was settled


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
    work = BatchWork(loaded, wanted, sets, n_prompts, progress.reporter)
    limit = limit or BatchLimit()
    for done in run_refilled(repeated, work, limit=limit, progress=progress):
        _collect(loaded, found, done.answers)
        if wanted.first_logprobs:
            _collect_logprobs(found, done.batch, done.first_logits)
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


def _nothing(n_prompts: int) -> Generation:
    return Generation([""] * n_prompts, [False] * n_prompts, None, 0, [False] * n_prompts)


def _collect(loaded: LoadedModel, found: Sequence[Generation], answers: Sequence[Answer]) -> None:
    n_prompts = len(found[0].responses)
    texts = texts_of(loaded, [one.tokens for one in answers])
    for text, one in zip(texts, answers, strict=True):
        of_set, place = found[one.index // n_prompts], one.index % n_prompts
        of_set.responses[place] = text
        of_set.finished[place], of_set.cut[place] = one.finished, one.cut
        of_set.n_tokens += len(one.tokens) + one.finished


def _collect_logprobs(
    found: Sequence[Generation], batch: TokenBatch, first_logits: Float[Tensor, "row vocab"]
) -> None:
    n_prompts = len(found[0].responses)
    rows = first_logits.log_softmax(dim=-1)
    places = torch.tensor(batch.indices, device=rows.device)
    for number, one in enumerate(found):
        if one.first_logprobs is None:
            one.first_logprobs = rows.new_empty(n_prompts, rows.shape[1])
        own = places // n_prompts == number
        one.first_logprobs[places[own] % n_prompts] = rows[own]
