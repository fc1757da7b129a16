"""Models scored beside their original: trials on held-out prompts, and finished models."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.trials import ScoreOut
from studies.api.answers.work import JobOut, JobStudy

Json = dict[str, Any]


class ScoredPromptsOut(Schema):
    scored: str = Field(description="Slug of the prompt set that the scorers name.")
    name: str = Field(description="Of the prompts that were asked.")
    slug: str = Field(description="Of their prompt set, if they are one.")
    how: str = Field(
        description="chosen; named: SLUG-held-out; rest: what no scorer read of the set; "
        "rows: more rows of its dataset; own: the set itself; prefix: the set itself, in which a "
        "common beginning of answers is looked for."
    )
    dataset: str
    split: str
    digest: str = Field(description="Of what was asked; empty until a dataset was read.")
    count: int | None
    dropped: int = Field(description="Left out, because the search had read them.")


class ScoringResultOut(Schema):
    trial: int | None = Field(description="Its number; null: the finished model.")
    search: list[ScoreOut] = Field(description="What the search itself measured of the trial.")
    scores: list[ScoreOut]
    error: str = Field(description="Why there are no scores.")
    seconds: float


class ScoringOut(Schema):
    id: UUID
    study: JobStudy | None
    original: str
    model: str = Field(description="The finished model; empty: trials of the study.")
    profile: str | None = Field(description="The preset whose scorers judge, without a study.")
    facts: Json
    prompts: list[ScoredPromptsOut]
    baseline: list[ScoreOut] = Field(description="Of the original, on the same prompts.")
    results: list[ScoringResultOut]
    job: JobOut
    created_at: datetime
