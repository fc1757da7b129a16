"""Benchmarks and what can be chosen for them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.work import JobOut

Json = dict[str, Any]


class ScoreRow(Schema):
    task: str
    is_part: bool = Field(description="One of the tasks that a group consists of.")
    n: int | None = Field(description="Examples that were used.")
    n_all: int | None = Field(description="Examples that the task has.")
    num_fewshot: int | None
    metric: str
    filter: str = Field(description="How the harness read the answers; none: as they are.")
    higher_is_better: bool | None
    original: float | None = Field(description="null: not a finite number.")
    original_stderr: float | None = Field(description="Standard error; null: there is none.")
    ablated: float | None
    ablated_stderr: float | None
    difference: float | None = Field(description="Ablated minus original.")
    clear: bool | None = Field(
        description="Whether the difference is above two standard errors; null: unknown."
    )


class TaskResult(Schema):
    name: str = Field(description="The task as it was asked for.")
    original_reused: bool = Field(description="The original's scores are of an earlier benchmark.")
    scores: list[ScoreRow]


class BenchmarkOut(Schema):
    id: UUID
    study: UUID
    trial: int
    options: Json
    status: str = Field(description="queued, running, done, failed or canceled.")
    job: JobOut
    results: list[TaskResult] = Field(description="Of the tasks that are done, in their order.")
    created_at: datetime


class TaskChoice(Schema):
    name: str
    about: str
    own: bool = Field(description="From this server's own folders; else from the harness.")


class BenchmarkChoices(Schema):
    tasks: list[TaskChoice] = Field(description="Suggestions; any task of the harness can be run.")
    chosen: list[str]
    limit: int
    apply_chat_template: bool
