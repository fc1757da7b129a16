from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async

from studies.consumers import news
from studies.consumers.news import News, NewsConsumer, User
from studies.consumers.sharing import Shared
from studies.events import study_group
from studies.models import Study
from studies.selectors import events_after, studies_visible_to

# The pages of one study take each hint together, and most have the same events already.
_shared: Shared[News | None] = Shared()


class StudyConsumer(NewsConsumer):
    """Sends a study's events and its progress."""

    key = "study_id"

    def group(self) -> str:
        return study_group(self.watched_id)

    async def study_changed(self, message: dict[str, Any]) -> None:
        """Take the hint."""
        await self.send_new()

    async def news(self, number: int) -> News | None:
        key = (self.watched_id, number)
        return await _shared.read(key, lambda: _news(self.watched_id, number))

    async def is_visible(self, user: User) -> bool:
        return await _is_visible(user, self.watched_id)


# Through channels' own wrapper, which replaces connections that the database has closed.
@database_sync_to_async
def _news(study_id: UUID, number: int) -> News | None:
    fields = ("event_count", "progress", "progress_count", "n_trials", "n_finished")
    study = Study.objects.filter(pk=study_id).only(*fields).first()
    if study is None:
        return None
    some = study.event_count > number
    rows = list(events_after(study_id, number)[: news.EVENTS_AT_ONCE]) if some else []
    counts = {"n_trials": study.n_trials, "n_finished": study.n_finished}
    return News(rows, study.event_count, study.progress | counts, study.progress_count)


@database_sync_to_async
def _is_visible(user: User, study_id: UUID) -> bool:
    return studies_visible_to(user).filter(pk=study_id).exists()
