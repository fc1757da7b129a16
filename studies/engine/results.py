"""What a session hands to its host: scores, answers, facts."""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["minimize", "maximize", "none"]


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's value for one state of the model."""

    name: str
    value: float  # finite
    display: str  # "3/100", "0.0012"
    direction: Direction
    baseline: float | None  # the original model's value
    low: float | None  # of the 95 % interval, where one is known
    high: float | None
    n: int | None = None  # prompts that it rests on
    hits: int | None = None  # of a share: how many of them counted


@dataclass(frozen=True, slots=True)
class ResponseItem:
    """One answer and what a scorer made of it."""

    prompt: str
    response: str
    matched: list[str]  # the markers found, or "(empty)" alone for an empty answer
    verdict: bool | None  # counted by the scorer: contains a marker, is unchanged …
    cut: bool = False  # ended as soon as the verdict was settled; matched may lack later markers


@dataclass(frozen=True, slots=True)
class ResponseSet:
    """The answers that a scorer read."""

    scorer: str
    prompts_slug: str
    items: list[ResponseItem]


@dataclass(frozen=True, slots=True)
class Pruned:
    """Why a trial ended before all scorers had run, and behind which stage of how many."""

    stage: int  # 1, 2 …
    stages: int
    reason: str  # a sentence
    excess: dict[str, float]  # by the scorer's name, how far a value is above its limit


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one set of parameters came to."""

    scores: list[Score]  # of a pruned trial, those that it has really got
    responses: list[ResponseSet]
    details: dict[str, object]  # the method's own description, JSON
    seconds: float
    pruned: Pruned | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known before the first trial."""

    n_layers: int
    components: dict[str, int]  # name -> number of matrices
    dtype: str
    device: str
    architecture: str
    batch_size: int
    response_prefix: str
    notes: list[str]
    baseline: list[Score]
    baseline_responses: list[ResponseSet] = field(default_factory=list)
