"""Chats with a trial."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from studies.api.answers.work import JobStudy

Json = dict[str, Any]


class ColumnOut(Schema):
    text: str = Field(description="Markdown, as far as it is there.")
    n_tokens: int
    ending: str = Field(
        description="end: by itself; length: at max_tokens; context: the model reads no more."
    )


class TurnColumns(Schema):
    original: ColumnOut
    ablated: ColumnOut


class TurnOut(Schema):
    number: int
    parent: int | None = Field(description="The turn that it follows in the dialogue.")
    message: str
    settings: Json = Field(description="With the seed that was drawn.")
    state: str = Field(description="queued, running, stopping, done, stopped or failed")
    place: int | None = Field(description="In the queue; 1 is the next.")
    columns: TurnColumns
    n_dropped: int = Field(description="Old turns that the model had no room to read.")
    seconds: float
    error: str
    error_advice: str
    created_at: datetime


class ChatRow(Schema):
    id: UUID
    study: JobStudy
    trial: int
    title: str
    created_at: datetime
    changed_at: datetime


class ChatOut(ChatRow):
    settings: Json = Field(description="Those of the next turn, if it gives no others.")
    event_count: int = Field(description="Number of the last news that this knows of.")
    progress: Json = Field(description="Of the loading of its model.")
    turns: list[TurnOut]
