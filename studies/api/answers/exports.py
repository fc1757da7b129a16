"""Exports, their cards and uploads, and models built again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.presets import ResolvedOut
from studies.api.answers.studies import StudyOut
from studies.api.answers.work import JobOut

Json = dict[str, Any]


class ExportOut(Schema):
    id: UUID
    study: UUID
    trial: int
    strategy: str
    options: Json
    status: str = Field(description="queued, running, failed, canceled, or ready.")
    size: int = Field(description="Bytes of all its files.")
    job: JobOut
    manifest: Json | None = Field(
        description="Once it is ready: files with sizes and SHA-256, and what was verified."
    )
    created_at: datetime
    ready_at: datetime | None


class CardOut(Schema):
    text: str = Field(description="The whole README.md: front matter, then Markdown.")
    sha256: str = Field(description="As the export's manifest lists it; empty: not stored yet.")


class UploadOut(Schema):
    id: UUID
    repo_id: str
    private: bool
    message: str
    has_own_token: bool = Field(description="Whether one was typed; it is never told.")
    url: str | None = Field(description="Of the commit, once it is done.")
    job: JobOut
    created_at: datetime


class DifferenceOut(Schema):
    what: str
    then: str
    now: str
    severity: str = Field(description="high, medium or low.")


class PlanOut(Schema):
    model: str
    comparable: bool = Field(description="Whether hashes can be compared afterwards.")
    resolved: ResolvedOut
    differences: list[DifferenceOut]
    notes: list[str] = Field(description="What could not be taken over as it was.")


class ReproductionOut(PlanOut):
    study: StudyOut
    job: JobOut | None = Field(description="Compares the hashes once the study is done.")
