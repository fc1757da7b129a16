"""Jobs, workers, and whether the server is well."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

Json = dict[str, Any]


class WorkerOut(Schema):
    id: str
    state: str
    device: str
    seen_seconds_ago: float


class HealthOut(Schema):
    status: str
    version: str
    workers: list[WorkerOut]


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
    progress: Json = Field(description="Phase, how far it is, and the seconds left, if known.")
    stopping: bool = Field(description="It was asked to end, and its worker has not yet.")
    study: JobStudy | None = Field(description="None: it is about a finished model.")
    trial: int | None = Field(description="The trial that it is about, if it is about one.")
    model: str = Field(description="The finished model that it is about, if it is about one.")
    result: Json = Field(description="What came of it, as its kind says.")
    error: str
    error_code: str
    error_advice: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
