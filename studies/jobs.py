"""Who works on what: claiming jobs, leases, fences, and finding what was left behind.

Jobs of all kinds follow the same rules; a study's run also moves its study. Huey only rings the bell; these rows decide. A claim raises the job's fencing number, and
whoever writes for a job holds it by that number, so a worker that comes back late writes
nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from studies.lifecycle import FINAL, study_transition
from studies.models import Job, Study
from studies.models.job import JobKind, JobStatus
from studies.models.study import StudyStatus as Status

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
MAX_ATTEMPTS = 3  # starts without any stored progress in between
HELPERS_PRIORITY = -1
ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
LOST_ADVICE = "It probably ran out of memory: try a smaller batch size."


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, in words for its owner."""

    reason: str
    code: str = "internal_error"
    advice: str = "The worker's log has the details."


class LeaseLostError(Exception):
    """Another worker, or the reaper, has taken the job; this worker's result is dropped."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to write for a job."""

    job_id: UUID
    about: UUID | None  # the study that the job is about, where it is about one
    fence: int
    kind: str = JobKind.STUDY_RUN

    @property
    def study_id(self) -> UUID:
        """The study that the job is about; jobs about none do not ask."""
        assert self.about is not None, "this job is about no study"
        return self.about

    @property
    def _row(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, fence=self.fence, status=JobStatus.RUNNING)

    def renew(self) -> None:
        """Push the lease's end away; inside a transaction it also holds the job until commit.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self._renew()

    def progressed(self) -> None:
        """Renew it where work is stored, so that a later loss counts from here.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self._renew(attempt=1)

    def _renew(self, **also: int) -> None:
        if not self._row.update(lease_until=Now() + LEASE, **also):
            raise LeaseLostError(str(self.job_id))

    def report(self, progress: Mapping[str, Any]) -> None:
        """Replace the job's own progress, if it is still this worker's."""
        self._row.update(progress=progress)

    def is_asked_to_stop(self) -> bool:
        """Whether the user wants this job to end."""
        return self._row.filter(stop_requested=True).exists()

    @transaction.atomic
    def finish(
        self,
        status: JobStatus,
        *,
        failure: Failure | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """End the job.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self.renew()
        told = _told(failure) | ({} if result is None else {"result": result})
        self._row.update(status=status, finished_at=Now(), lease_until=None, progress={}, **told)

    @transaction.atomic
    def give_back(self, *, reason: str) -> None:
        """Queue the job again at once, because this worker has to end.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self.renew()
        self._row.update(attempt=F("attempt") - 1)  # an orderly end is no loss
        _abandon(Job.objects.select_related("study").get(pk=self.job_id), reason)


@transaction.atomic
def job_enqueue(
    study_id: UUID | None,
    kind: JobKind,
    *,
    payload: Mapping[str, Any] | None = None,
    priority: int = 0,
    after: Job | None = None,
) -> Job:
    """Add a job to the queue, behind `after` if given; the caller rings the bell after commit."""
    return Job.objects.create(
        study_id=study_id, kind=kind, payload=payload or {}, priority=priority, after=after
    )


def jobs_ready() -> QuerySet[Job]:
    """The queued jobs that wait for no other one, the next first."""
    free = Q(after__isnull=True) | ~Q(after__status__in=ACTIVE)
    queued = Job.objects.filter(free, status=JobStatus.QUEUED)
    return queued.order_by("-priority", "created_at")


@transaction.atomic
def job_stop(job_id: UUID) -> bool:
    """Cancel a queued job now, ask a running one to end; False if it has ended.

    A study's run is stopped by its study instead.
    """
    # Queued first, then running: a job moves that way, so neither check can miss it.
    own = Job.objects.filter(pk=job_id)
    canceled = own.filter(status=JobStatus.QUEUED).update(
        status=JobStatus.CANCELED, finished_at=Now()
    )
    return bool(canceled or own.filter(status=JobStatus.RUNNING).update(stop_requested=True))


@transaction.atomic
def job_claim(worker_id: str) -> Lease | None:
    """Take the first queued job, or None if there is none.

    Safe when several workers claim at once: only one update of a row finds it queued.
    """
    jobs_reap()
    for job_id in jobs_ready().values_list("pk", flat=True)[:20]:
        if lease := job_claim_one(job_id, worker_id):
            return lease
    return None


@transaction.atomic
def job_claim_one(job_id: UUID, worker_id: str) -> Lease | None:
    """Take this very job, or None if it is no longer queued."""
    claimed = Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(
        status=JobStatus.RUNNING,
        worker_id=worker_id,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        lease_until=Now() + LEASE,
        started_at=Now(),
    )
    if not claimed:
        return None
    job = Job.objects.get(pk=job_id)
    return Lease(job.pk, job.study_id, job.fence, job.kind)


@transaction.atomic
def jobs_reap() -> int:
    """Queue again what a lost worker left behind; give up after `MAX_ATTEMPTS` starts."""
    expired = Job.objects.filter(status=JobStatus.RUNNING, lease_until__lt=Now())
    # Workers reap at the same time: what one of them looks at, the others leave alone.
    lost = list(expired.select_related("study").select_for_update(of=("self",), skip_locked=True))
    for job in lost:
        if job.attempt >= MAX_ATTEMPTS:
            _give_up(job)
        else:
            _abandon(job, "Its worker was lost; it goes on with the next free one.")
    return len(lost)


def helpers_call(study_id: UUID, count: int) -> None:
    """Have so many helpers of a study's run in the queue or at work; the caller rings the bell.

    They come after everything else that waits: a study that nobody works on goes first.
    """
    helpers = Job.objects.filter(study_id=study_id, kind=JobKind.STUDY_HELP, status__in=ACTIVE)
    for _ in range(count - helpers.count()):
        job_enqueue(study_id, JobKind.STUDY_HELP, priority=HELPERS_PRIORITY)


def helpers_at_work(study_id: UUID) -> QuerySet[Job]:
    """The helpers of a study's run that a worker does now."""
    return Job.objects.filter(study_id=study_id, kind=JobKind.STUDY_HELP, status=JobStatus.RUNNING)


def helpers_dismiss(study_id: UUID) -> None:
    """Cancel the helpers of a study that wait, ask those at work to end.

    Called before the study's own row is changed, as their trials lock the two in that order.
    """
    helpers = Job.objects.filter(study_id=study_id, kind=JobKind.STUDY_HELP)
    for job_id in helpers.filter(status__in=ACTIVE).values_list("pk", flat=True):
        job_stop(job_id)


def worker_jobs_release(worker_id: str) -> None:
    """End the leases of a worker that is known to be dead."""
    Job.objects.filter(worker_id=worker_id, status=JobStatus.RUNNING).update(
        lease_until=Now() - timedelta(seconds=1)
    )


def _abandon(job: Job, reason: str) -> None:
    """Leave a running job to the next worker, or end it where it is to stop."""
    run = _study_run(job)
    if run:
        helpers_dismiss(run.pk)
    if job.stop_requested or (run and run.status == Status.STOPPING):
        _end(job, JobStatus.CANCELED)
        if run:
            study_transition(run.pk, to=Status.STOPPED, reason=reason)
        return
    _end(job, JobStatus.QUEUED)
    if run and run.status == Status.RUNNING:
        study_transition(run.pk, to=Status.QUEUED, sources=[Status.RUNNING], reason=reason)


def _study_run(job: Job) -> Study | None:
    """The study that a job runs; None: it does other work."""
    return job.study if job.kind == JobKind.STUDY_RUN else None


def _give_up(job: Job) -> None:
    lost = Failure(
        f"Its worker was lost {job.attempt} times in a row.", "worker_lost", LOST_ADVICE
    )
    _end(job, JobStatus.FAILED, failure=lost)
    run = _study_run(job)
    if run is None:
        return
    helpers_dismiss(run.pk)
    if run.status in FINAL:
        return
    study_transition(
        run.pk,
        to=Status.FAILED,
        reason=lost.reason,
        error_code=lost.code,
        error_advice=lost.advice,
    )


def _told(failure: Failure | None) -> dict[str, str]:
    """The columns that say why a job failed; empty where it did not."""
    told = failure or Failure("", "", "")
    return {"error": told.reason, "error_code": told.code, "error_advice": told.advice}


def _end(job: Job, status: JobStatus, *, failure: Failure | None = None) -> None:
    waits = status is JobStatus.QUEUED
    # The fence rises here too, so that a lost worker writes nothing from now on.
    Job.objects.filter(pk=job.pk).update(
        **_told(failure),
        status=status,
        progress={},
        fence=F("fence") + 1,
        lease_until=None,
        worker_id="" if waits else job.worker_id,
        finished_at=None if waits else Now(),
    )
