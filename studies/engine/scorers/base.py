"""What a scorer is, and what it may ask of the model within one trial."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    # Whether a beginning of a response settles the scorer's verdict on it, whatever follows;
    # None: it reads whole responses.
    settled: Callable[[str], bool] | None = None
    n_answers: int | None = None  # responses of only the first so many; None: of all


@dataclass(frozen=True, slots=True)
class Measured:
    """A scorer's finding, before the baseline is set beside it."""

    value: float
    display: str
    low: float | None = None  # 95 % interval, where one is known
    high: float | None = None
    responses: ResponseSet | None = None
    n: int | None = None  # prompts that it rests on
    hits: int | None = None  # of a share: how many of them counted


class ScoringContext:
    """The model in one state: every answer is generated once, whoever asks.

    Scorers declare their needs beforehand, so that one prefill of a prompt set serves the first
    token's probabilities and the answers behind it, whatever slices of it they read.
    """

    def __init__(
        self,
        prompts: Mapping[PromptSlice, Sequence[Prompt]],
        needs: Sequence[Need],
        answer: Callable[[Need], Generation],
    ) -> None:
        self._prompts = prompts
        self._needs = {need.prompts.slug: _union(need.prompts.slug, needs) for need in needs}
        self._answer = answer
        self._found: dict[str, Generation] = {}

    def prompts(self, slug: str, n_prompts: int | None = None) -> Sequence[Prompt]:
        """The prompts themselves, in order."""
        return self._prompts[PromptSlice(slug, n_prompts)]

    def responses(self, slug: str, n_prompts: int | None = None) -> list[str]:
        """The greedy answers, in the order of the prompts."""
        return self._generation(slug).responses[:n_prompts]

    def cut(self, slug: str, n_prompts: int | None = None) -> list[bool]:
        """Which of the answers ended when every scorer's verdict was settled."""
        found = self._generation(slug)
        return (found.cut or [False] * len(found.responses))[:n_prompts]

    def first_logprobs(
        self, slug: str, n_prompts: int | None = None
    ) -> Float[Tensor, "prompt vocab"]:
        """Log-probabilities of the first answer token, from raw logits, float32."""
        found = self._generation(slug).first_logprobs
        if found is None:
            raise LookupError(f"No scorer declared to need probabilities of {slug!r}.")
        return found[:n_prompts]

    def _generation(self, slug: str) -> Generation:
        if slug not in self._found:
            self._found[slug] = self._answer(self._needs[slug])
        return self._found[slug]


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
        n=measured.n,
        hits=measured.hits,
    )


def needs_of(scorers: Sequence[Scorer], *, whole: bool = False) -> list[Need]:
    """What these scorers read; `whole`: no response ends before the model ends it."""
    needs = [need for scorer in scorers for need in scorer.needs]
    return [replace(need, settled=None) for need in needs] if whole else needs


def responses_of(measured: Sequence[Measured]) -> list[ResponseSet]:
    """The answers that were read, of each scorer that reads any."""
    return [one.responses for one in measured if one.responses is not None]


def refuse_non_finite(name: str, value: float) -> None:
    """Keep NaN and infinity out of the scores: a search would take them for a value.

    Raises:
        NonFiniteError: the value is one of them.
    """
    if not -float("inf") < value < float("inf"):
        raise NonFiniteError(f"{name} is not a finite number ({value}).")


def _union(slug: str, needs: Sequence[Need]) -> Need:
    same = [need for need in needs if need.prompts.slug == slug]
    readers = [need for need in same if need.responses]
    widest = _widest(same)
    read = _widest(readers).n_prompts if readers else None
    return Need(
        widest,
        responses=bool(readers),
        first_logprobs=any(need.first_logprobs for need in same),
        settled=_all_settled(readers),
        n_answers=None if read == widest.n_prompts else read,
    )


def _widest(needs: Sequence[Need]) -> PromptSlice:
    slices = [need.prompts for need in needs]
    return max(slices, key=lambda one: math.inf if one.n_prompts is None else one.n_prompts)


def _all_settled(readers: Sequence[Need]) -> Callable[[str], bool] | None:
    """What settles the verdicts of all that read responses; None if one reads whole ones."""
    known = [need.settled for need in readers if need.settled is not None]
    if not known or len(known) < len(readers):
        return None
    return lambda text: all(settled(text) for settled in known)
