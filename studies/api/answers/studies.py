"""Studies, their forks and their events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.presets import ProfileName, ResolvedOut

Json = dict[str, Any]


class LeftOutOut(Schema):
    reason: str
    example: str
    count: int
    trials: list[int] = Field(description="Numbers of the first of them.")


class TakeoverOut(Schema):
    n_finished: int = Field(description="Finished trials of the original.")
    n_taken_over: int
    n_left_out: int
    changed: list[str] = Field(
        description="Settings by which the fork measures something else; no trial fits then."
    )
    left_out: list[LeftOutOut]
    sentence: str


class ForkOut(TakeoverOut):
    study: UUID = Field(description="The original.")
    name: str


class ForkPreviewOut(ResolvedOut):
    fork: TakeoverOut


class TrialRef(Schema):
    study: UUID
    number: int


class WaitingOut(Schema):
    id: int
    parameters: Json = Field(description="Those left out are up to the search.")
    origin: TrialRef | None = Field(description="The trial whose parameters these are.")


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
    n_finished: int = Field(description="Pruned trials included.")
    n_pruned: int = Field(description="Finished trials that ended before all their scores.")
    n_failed: int
    n_taken_over: int = Field(description="Trials of other studies, beside its own.")
    best: list[Json] = Field(description="The best value of each objective.")
    notes: str = Field(description="People's own.")
    tags: list[str]
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
    remarks: list[str] = Field(description="What loading noticed.")
    recommended: int | None = Field(description="The front's compromise, by its number.")
    actions: list[str] = Field(description="What can be done with it now.")
    fork: ForkOut | None = Field(description="What it was made from, if it is a fork.")
    waiting: list[WaitingOut] = Field(description="What it is to try next.")
    resolved: ResolvedOut


class EventsOut(Schema):
    items: list[Json]
    count: int = Field(description="Of all events of the study.")
