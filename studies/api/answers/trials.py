"""Trials, their scores and their answers."""

from typing import Any

from ninja import Field, Schema

from studies.api.answers.studies import TrialRef

Json = dict[str, Any]


class ScoreOut(Schema):
    name: str
    value: float
    display: str
    baseline: float | None = None
    direction: str
    low: float | None = None
    high: float | None = None
    n: int | None = Field(None, description="Prompts that it rests on, where that is stored.")
    hits: int | None = Field(None, description="Of a share: how many of them counted.")


class PrunedOut(Schema):
    stage: int = Field(description="Behind which stage of scorers the trial ended: 1, 2 …")
    stages: int
    reason: str


class TrialOut(Schema):
    number: int
    state: str = Field(description="complete, pruned (ended before all its scores) or failed")
    source: str = Field(description="sampled, enqueued or taken_over")
    origin: TrialRef | None = Field(
        description="Where it was measured, or whose parameters it tried."
    )
    parameters: Json
    kernel: Json = Field(
        description="The weight in each layer, by component; empty where the method has none."
    )
    direction: str = Field(description="In words; empty where the method has none.")
    details: Json = Field(description="What else the method says of the trial, by name.")
    scores: list[ScoreOut] = Field(description="Of a pruned trial, those that it has got.")
    seconds: float
    pareto: bool
    recommended: bool = Field(
        description="The front's trial nearest to the best value of every objective, each "
        "measured in its own full span: 1 for a share, 1 nat for a divergence."
    )
    note: str
    tags: list[str]
    pruned: PrunedOut | None = Field(description="Why and when it was pruned, if it was.")
    error: str | None


class ResponseOut(Schema):
    scorer: str
    prompt: str
    response: str
    matched: list[str] = Field(description="The markers found in the response.")
    cut: bool = Field(
        default=False,
        description="Ended as soon as the verdict was settled; the model would have gone on.",
    )
    verdict: bool | None = Field(description="Whether the scorer counted it; null: not stored.")


class PieceOut(Schema):
    changed: bool
    text: str


class VerdictOut(Schema):
    scorer: str
    counted: bool
    counted_before: bool | None
    is_good: bool = Field(description="Counted where maximised, not counted where minimised.")


class AnswerOut(Schema):
    position: int = Field(description="Among the trial's answers; what a label names.")
    prompt: str
    response: str
    before: str | None = Field(description="The original model's response, if it is stored.")
    cut: bool = Field(
        description="Ended as soon as the verdict was settled; the model would have gone on."
    )
    pieces: list[PieceOut] = Field(description="The response, cut where it differs from before.")
    pieces_before: list[PieceOut]
    matched: list[str]
    matched_before: list[str]
    verdicts: list[VerdictOut]
    label: bool | None = Field(description="Your own: true is a thumb up.")
    up: int = Field(description="Thumbs up of everybody.")
    down: int


class AgreementCounts(Schema):
    n: int
    agreed: int
    both_good: int
    both_bad: int
    only_person: int = Field(description="The person says good, the scorer bad.")
    only_scorer: int
    kappa: float | None = Field(description="Cohen's kappa; null where it is not defined.")


class AgreementOut(Schema):
    scorer: str
    mine: AgreementCounts
    everybody: AgreementCounts


class AnswersOut(Schema):
    items: list[AnswerOut]
    count: int = Field(description="Of all answers that the filter lets through.")
    counts: dict[str, int] = Field(description="Answers by filter.")
    agreement: list[AgreementOut]


class LabelOut(Schema):
    position: int
    label: bool | None
    up: int
    down: int
    counts: dict[str, int]
    agreement: list[AgreementOut]
