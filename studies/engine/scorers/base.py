"""What a scorer is, and what it may ask of the model within one trial."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jaxtyping import Float
from torch import Tensor

from studies.engine.errors import NonFiniteError
from studies.engine.generation import Generation
from studies.engine.prompts import Prompt
from studies.engine.results import Direction, ResponseSet, Score


class PromptSlice(NamedTuple):
    """The first `n_prompts` of a prompt set (None: all of them)."""

    slug: str
    n_prompts: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a scorer reads in every trial."""

    prompts: PromptSlice
    responses: bool = False
    first_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """A scorer's finding, before the baseline is set beside it."""

    value: float
    display: str
    low: float | None = None  # 95 % interval, where one is known
    high: float | None = None
    responses: ResponseSet | None = None


class ScoringContext:
    """The model in one state: every answer is generated once, whoever asks.

    Scorers declare their needs beforehand, so that one prefill serves the first token's
    probabilities and the answer behind it.
    """

    def __init__(
        self,
        prompts: Mapping[PromptSlice, Sequence[Prompt]],
        needs: Sequence[Need],
        answer: Callable[[Need], Generation],
    ) -> None:
        self._prompts = prompts
        self._needs = {need.prompts: _union(need.prompts, needs) for need in needs}
        self._answer = answer
        self._found: dict[PromptSlice, Generation] = {}

    def prompts(self, slug: str, n_prompts: int | None = None) -> Sequence[Prompt]:
        """The prompts themselves, in order."""
        return self._prompts[PromptSlice(slug, n_prompts)]

    def responses(self, slug: str, n_prompts: int | None = None) -> list[str]:
        """The greedy answers, in the order of the prompts."""
        return self._generation(PromptSlice(slug, n_prompts)).responses

    def first_logprobs(
        self, slug: str, n_prompts: int | None = None
    ) -> Float[Tensor, "prompt vocab"]:
        """Log-probabilities of the first answer token, from raw logits, float32."""
        found = self._generation(PromptSlice(slug, n_prompts)).first_logprobs
        if found is None:
            raise LookupError(f"No scorer declared to need probabilities of {slug!r}.")
        return found

    def _generation(self, prompts: PromptSlice) -> Generation:
        if prompts not in self._found:
            self._found[prompts] = self._answer(self._needs[prompts])
        return self._found[prompts]


class Scorer(Protocol):
    """Measures an ablated model; `remember` sees the original first."""

    name: str
    direction: Direction
    needs: Sequence[Need]

    def remember(self, context: ScoringContext) -> Measured:
        """Measure the original model and keep what later scores compare with."""

    def score(self, context: ScoringContext) -> Measured:
        """Measure the model as it is now."""


def as_score(scorer: Scorer, measured: Measured, baseline: float) -> Score:
    """A finding with its name, direction and baseline."""
    return Score(
        name=scorer.name,
        value=measured.value,
        display=measured.display,
        direction=scorer.direction,
        baseline=baseline,
        low=measured.low,
        high=measured.high,
    )


def refuse_non_finite(name: str, value: float) -> None:
    """Keep NaN and infinity out of the scores: a search would take them for a value.

    Raises:
        NonFiniteError: the value is one of them.
    """
    if not -float("inf") < value < float("inf"):
        raise NonFiniteError(f"{name} is not a finite number ({value}).")


def _union(prompts: PromptSlice, needs: Sequence[Need]) -> Need:
    same = [need for need in needs if need.prompts == prompts]
    return Need(
        prompts,
        responses=any(need.responses for need in same),
        first_logprobs=any(need.first_logprobs for need in same),
    )
