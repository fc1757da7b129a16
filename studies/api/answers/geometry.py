"""The residual geometry of a study."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.work import JobOut


class ColumnOut(Schema):
    name: str
    label: str
    group: Literal["cosine", "norm", "separation"]
    description: str


class SampleOut(Schema):
    count: int = Field(description="Prompts that were measured, evenly spaced over the set.")
    total: int = Field(description="Prompts of the set.")


class GeometryOut(Schema):
    study: UUID
    status: str = Field(
        description="none, queued, running, failed, canceled, or ready: of the newest measurement."
    )
    job: JobOut | None
    measured_at: datetime | None = Field(description="When what is shown was measured.")
    columns: list[ColumnOut]
    layers: list[dict[str, float | None]] = Field(
        description="A value for each column; first the embedding output, then each layer's."
    )
    samples: dict[str, SampleOut] = Field(description="Of good and bad, once measured.")
    has_projection: bool = Field(description="Too few prompts have none.")


class ProjectedPromptOut(Schema):
    group: Literal["good", "bad"]
    text: str = Field(description="The prompt, cut to 300 characters.")


class ProjectionOut(Schema):
    prompts: list[ProjectedPromptOut]
    points: list[list[tuple[int, int]]] = Field(
        description="For each layer index, in thousandths: x and y of each prompt."
    )
