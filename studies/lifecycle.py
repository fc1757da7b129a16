"""The one place where a study's status changes."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from studies.events import StatusChanged, event_record
from studies.models import Study
from studies.models.notice import NoticeEvent
from studies.models.study import StudyStatus as Status
from studies.notices import notify

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.QUEUED}),
    Status.QUEUED: frozenset({Status.RUNNING, Status.STOPPED, Status.FAILED}),
    # Back to queued: its worker was lost, or was told to end.
    Status.RUNNING: frozenset({Status.STOPPING, Status.COMPLETED, Status.FAILED, Status.QUEUED}),
    Status.STOPPING: frozenset({Status.STOPPED, Status.COMPLETED, Status.FAILED}),
    Status.STOPPED: frozenset({Status.QUEUED}),  # resumed
    Status.FAILED: frozenset({Status.QUEUED}),  # tried again
    Status.COMPLETED: frozenset({Status.QUEUED}),  # extended by more trials
}
TOLD = {Status.COMPLETED: NoticeEvent.FINISHED, Status.FAILED: NoticeEvent.FAILED}
FINAL = frozenset({Status.STOPPED, Status.COMPLETED, Status.FAILED})


class StatusConflictError(Exception):
    """What was asked does not fit the status of a study (or a chat) in the database now."""

    code = "status_conflict"

    def __init__(self, current: str, wanted: str, what: str = "study") -> None:
        super().__init__(f"A {current} {what} cannot become {wanted}.")
        self.current = current
        self.wanted = wanted


@transaction.atomic
def study_transition(
    study_id: UUID,
    *,
    to: Status,
    sources: Collection[Status] | None = None,
    reason: str = "",
    error_code: str = "",
    error_advice: str = "",
) -> Study:
    """Move a study to `to` and record it; safe when two processes try at once.

    With `sources`, only a study in one of those moves. A failure keeps its reason in the
    study's row; every other move clears it.

    Raises:
        StatusConflictError: its status, as the database has it now, does not allow that.
    """
    allowed = [s for s, targets in TRANSITIONS.items() if to in targets]
    if sources is not None:
        allowed = [s for s in allowed if s in sources]
    failed = to == Status.FAILED
    now = timezone.now()
    study = Study.objects.filter(pk=study_id)
    moved = study.filter(status__in=allowed).update(
        status=to,
        status_changed_at=now,
        finished_at=now if to in FINAL else None,
        error=reason if failed else "",
        error_code=error_code if failed else "",
        error_advice=error_advice if failed else "",
    )
    if not moved:
        raise StatusConflictError(study.get().status, to.value)
    event_record(study_id, StatusChanged(status=to.value, reason=reason))
    if to in TOLD:
        notify(study_id, TOLD[to], reason=reason)
    return study.get()
