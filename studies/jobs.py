"""Who works on what: claiming jobs, leases, fences, and finding what was left behind.

Huey only rings the bell; these rows decide. A claim raises the job's fencing number, and
whoever writes for a job holds it by that number, so a worker that comes back late writes
nothing.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from studies.lifecycle import FINAL, study_transition
from studies.models import Job
from studies.models.job import JobKind, JobStatus
from studies.models.study import StudyStatus as Status

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
MAX_ATTEMPTS = 3  # starts without a finished trial in between


class LeaseLostError(Exception):
    """Another worker, or the reaper, has taken the job; this worker's result is dropped."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to write for a job."""

    job_id: UUID
    study_id: UUID
    fence: int

    @property
    def _row(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, fence=self.fence, status=JobStatus.RUNNING)

    def renew(self) -> None:
        """Push the lease's end away; inside a transaction it also holds the job until commit.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        if not self._row.update(lease_until=Now() + LEASE):
            raise LeaseLostError(str(self.job_id))

    def progressed(self) -> None:
        """Say that work was stored, so that a later loss counts from here."""
        self._row.update(attempt=1)

    @transaction.atomic
    def finish(self, status: JobStatus, *, error: str = "") -> None:
        """End the job.

        Raises:
            LeaseLostError: the job is no longer this worker's.
        """
        self.renew()
        self._row.update(status=status, finished_at=Now(), error=error, lease_until=None)

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
def job_enqueue(study_id: UUID, kind: JobKind, *, priority: int = 0) -> Job:
    """Add a job to the queue; the caller rings the bell after commit."""
    return Job.objects.create(study_id=study_id, kind=kind, priority=priority)


@transaction.atomic
def job_claim(worker_id: str) -> Lease | None:
    """Take the first queued job, or None if there is none.

    Safe when several workers claim at once: only one update of a row finds it queued.
    """
    jobs_reap()
    queued = Job.objects.filter(status=JobStatus.QUEUED).order_by("-priority", "created_at")
    for job_id in queued.values_list("pk", flat=True)[:20]:
        claimed = Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(
            status=JobStatus.RUNNING,
            worker_id=worker_id,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            lease_until=Now() + LEASE,
            started_at=Now(),
        )
        if claimed:
            job = Job.objects.get(pk=job_id)
            return Lease(job.pk, job.study_id, job.fence)
    return None


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


def worker_jobs_release(worker_id: str) -> None:
    """End the leases of a worker that is known to be dead."""
    Job.objects.filter(worker_id=worker_id, status=JobStatus.RUNNING).update(
        lease_until=Now() - timedelta(seconds=1)
    )


def _abandon(job: Job, reason: str) -> None:
    """Leave a running job to the next worker, or end it where its study is to stop."""
    if job.study.status == Status.STOPPING:
        _end(job, JobStatus.CANCELED)
        study_transition(job.study_id, to=Status.STOPPED, reason=reason)
        return
    _end(job, JobStatus.QUEUED)
    if job.study.status == Status.RUNNING:
        study_transition(job.study_id, to=Status.QUEUED, sources=[Status.RUNNING], reason=reason)


def _give_up(job: Job) -> None:
    reason = f"Its worker was lost {job.attempt} times in a row."
    _end(job, JobStatus.FAILED, error=reason)
    if job.study.status in FINAL:
        return
    study_transition(
        job.study_id,
        to=Status.FAILED,
        reason=reason,
        error_code="worker_lost",
        error_advice="It probably ran out of memory: try a smaller batch size.",
    )


def _end(job: Job, status: JobStatus, *, error: str = "") -> None:
    waits = status is JobStatus.QUEUED
    # The fence rises here too, so that a lost worker writes nothing from now on.
    Job.objects.filter(pk=job.pk).update(
        status=status,
        error=error,
        fence=F("fence") + 1,
        lease_until=None,
        worker_id="" if waits else job.worker_id,
        finished_at=None if waits else Now(),
    )
