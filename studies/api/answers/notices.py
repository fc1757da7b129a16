"""Where users are told of their studies, and what became of it."""

from datetime import datetime
from uuid import UUID

from ninja import Field, Schema


class NoticeTargetOut(Schema):
    id: int
    kind: str
    url: str
    address: str = Field(description="Of an e-mail: that of the account.")
    on_finished: bool
    on_failed: bool
    on_new_best: bool
    is_active: bool
    secret: str = Field(description="In the answer to its making alone; else empty.")


class NoticeDeliveryOut(Schema):
    id: UUID
    target: str
    event: str
    study: str | None
    status: str = Field(description="waiting, sent or failed.")
    attempts: int
    result: str = Field(description="Of the last try.")
    created_at: datetime
    done_at: datetime | None
