"""What answers say; the parts that a method, a model or a scorer shapes stay open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from ninja import Field, Schema

from studies.api.schemas import PageQuery

Json = dict[str, Any]
Item = TypeVar("Item")


class Page(Schema, Generic[Item]):
    items: list[Item]
    count: int = Field(description="Of all items, not only those of this page.")


def page_of(rows: QuerySet[Any] | Sequence[Any], page: PageQuery) -> Json:
    """Cut one page out of all rows and count them."""
    count = rows.count() if isinstance(rows, QuerySet) else len(rows)
    return {"items": list(rows[page.offset : page.offset + page.limit]), "count": count}


class ProblemPlace(Schema):
    place: str
    message: str


class ProblemOut(Schema):
    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemPlace]


class WorkerOut(Schema):
    id: str
    state: str
    device: str
    seen_seconds_ago: float


class HealthOut(Schema):
    status: str
    version: str
    workers: list[WorkerOut]


class ProfileName(Schema):
    slug: str
    name: str


class ProfileOut(Schema):
    slug: str
    name: str
    description: str
    parent: str | None = Field(description="Slug of the preset that it is based on.")
    method: str
    model: str = Field(description="Suggested model, or empty.")


class ProfileDetailOut(ProfileOut):
    parameters: Json = Field(description="What this preset sets itself.")
    settings: Json = Field(description="What this preset sets itself.")


class Decision(Schema):
    source: str
    value: Any
    display: str = ""


class ParameterOut(Schema):
    name: str
    component: str
    value: Any
    display: str
    source: str = Field(description="The layer that decided.")
    chain: list[Decision] = Field(description="What it overrides, the first layer first.")
    sampled: bool
    layers: Any = Field(None, description="The value in layers, where it is a fraction of them.")


class SettingOut(Schema):
    name: str
    value: Any
    source: str = Field(description="The layer that decided.")
    chain: list[Decision] = []
    layers: list[int] | None = Field(None, description="The layers that it means, where any.")


class ResolvedOut(Schema):
    parameters: list[ParameterOut]
    settings: list[SettingOut]


class ErrorOut(Schema):
    code: str
    message: str
    advice: str


class StudyRow(Schema):
    id: UUID
    name: str
    model: str
    profile: ProfileName
    owner: str
    status: str
    status_label: str
    queue_place: int | None
    n_trials: int = Field(description="How many finished trials are wanted.")
    n_finished: int
    n_failed: int
    best: list[Json] = Field(description="The best value of each objective.")
    error: ErrorOut | None
    seconds: float = Field(description="Spent in finished trials.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StudyOut(StudyRow):
    event_count: int
    progress: Json
    objectives: list[Json]
    baseline: list[Json]
    facts: Json
    n_layers: int | None
    notes: list[str]
    actions: list[str] = Field(description="What can be done with it now.")
    resolved: ResolvedOut


class ScoreOut(Schema):
    name: str
    value: float
    display: str
    baseline: float | None = None
    direction: str
    low: float | None = None
    high: float | None = None


class TrialOut(Schema):
    number: int
    state: str
    parameters: Json
    kernel: Json = Field(
        description="The weight in each layer, by component; empty where the method has none."
    )
    direction: str = Field(description="In words; empty where the method has none.")
    details: Json = Field(description="What else the method says of the trial, by name.")
    scores: list[ScoreOut]
    seconds: float
    pareto: bool
    error: str | None


class ResponseOut(Schema):
    scorer: str
    prompt: str
    response: str
    matched: list[str] = Field(description="The markers found in the response.")


class EventsOut(Schema):
    items: list[Json]
    count: int = Field(description="Of all events of the study.")


class JobStudy(Schema):
    id: UUID
    name: str


class JobOut(Schema):
    id: UUID
    kind: str
    kind_label: str
    status: str
    place: int | None = Field(description="1 is the next.")
    priority: int
    attempt: int
    worker: str
    progress: Json
    study: JobStudy
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class PromptSetRow(Schema):
    slug: str
    name: str
    source: str
    path: str
    dataset: str
    commit: str
    split: str
    column: str
    prefix: str
    suffix: str
    system_prompt: str


class PromptSetOut(PromptSetRow):
    text: str
