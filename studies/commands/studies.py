"""Starting, stopping, resuming and extending a study."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from studies.commands.doorbell import ring_after_commit
from studies.engine.errors import InvalidInputError, Problem
from studies.events import Extended, event_record
from studies.jobs import helpers_dismiss, job_enqueue
from studies.lifecycle import StatusConflictError, study_transition
from studies.models import Job, Study
from studies.models.study import StudyStatus as Status

MAX_TRIALS = 10_000


def study_start(study: Study) -> Study:
    """Queue a draft; the worker hears of it only if this transaction commits.

    Raises:
        StatusConflictError: it was started before.
    """
    return _queue(study, [Status.DRAFT])


def study_resume(study: Study) -> Study:
    """Go on with a stopped or failed study.

    Raises:
        StatusConflictError: it is neither.
    """
    return _queue(study, [Status.STOPPED, Status.FAILED])


@transaction.atomic
def study_extend(study: Study, n_trials: int) -> Study:
    """Raise the number of trials by `n_trials` and go on; a running study just runs longer.

    Raises:
        InvalidInputError: that many trials are not allowed.
        StatusConflictError: it is a draft, failed, or about to stop.
    """
    most = MAX_TRIALS - study.n_trials
    if not 1 <= n_trials <= most:
        message = f"must be between 1 and {most} (got {n_trials})"
        raise InvalidInputError([Problem("n_trials", message)])
    Study.objects.filter(pk=study.pk).update(n_trials=F("n_trials") + n_trials)
    study.refresh_from_db()
    if study.status in (Status.DRAFT, Status.FAILED, Status.STOPPING):
        raise StatusConflictError(study.status, "one with more trials")
    event_record(study.pk, Extended(n_trials=study.n_trials))
    if study.status in (Status.COMPLETED, Status.STOPPED):
        return _queue(study, [Status.COMPLETED, Status.STOPPED])
    study.refresh_from_db()
    return study


@transaction.atomic
def study_stop(study: Study) -> Study:
    """Stop a queued study now, a running one as soon as its worker reads the request.

    Raises:
        StatusConflictError: it is neither queued nor running.
    """
    helpers_dismiss(study.pk)
    # Queued first, then running: a study moves that way, so neither check can miss it.
    try:
        stopped = study_transition(study.pk, to=Status.STOPPED, sources=[Status.QUEUED])
    except StatusConflictError:
        return study_transition(study.pk, to=Status.STOPPING)
    runs = Job.objects.filter(study=study, kind=Job.Kind.STUDY_RUN)
    runs.filter(status=Job.Status.QUEUED).update(status=Job.Status.CANCELED, finished_at=Now())
    return stopped


@transaction.atomic
def _queue(study: Study, sources: Collection[Status]) -> Study:
    queued = study_transition(study.pk, to=Status.QUEUED, sources=sources)
    job_enqueue(study.pk, Job.Kind.STUDY_RUN)
    ring_after_commit()
    return queued
