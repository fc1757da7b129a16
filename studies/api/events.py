import asyncio
from time import monotonic
from typing import Any
from uuid import UUID

from django.shortcuts import aget_object_or_404
from ninja import Query, Router

from studies.api.answers.studies import EventsOut
from studies.api.auth import ApiRequest
from studies.api.schemas import EventQuery, StudyId
from studies.selectors import events_after, studies_visible_to

router = Router(tags=["events"])
LOOK_EVERY = 0.5  # seconds
Json = dict[str, Any]


@router.get("/{study_id}/events", response=EventsOut, operation_id="event_list")
async def event_list(request: ApiRequest, study_id: StudyId, query: Query[EventQuery]) -> Json:
    """Read a study's events after one of them, waiting for the next if there is none yet.

    They are the messages of the study's socket.
    """
    visible = studies_visible_to(request.auth)
    await aget_object_or_404(visible.only("pk"), pk=study_id)
    ends_at = monotonic() + query.wait
    while not (events := await _events(study_id, query)):
        left = ends_at - monotonic()
        if left <= 0:
            break
        await asyncio.sleep(min(LOOK_EVERY, left))
    study = await aget_object_or_404(visible.only("event_count"), pk=study_id)
    return {"items": events, "count": study.event_count}


async def _events(study_id: UUID, query: EventQuery) -> list[Json]:
    rows = events_after(study_id, query.after)[: query.limit]
    return [event.as_message() async for event in rows]
