"""Whose turn it is to choose trials: of several workers that run one study, one at a time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Q
from django.db.models.functions import Now

from studies.engine.ports import StopSignal
from studies.jobs import LEASE, Lease
from studies.models import Job, Study
from studies.models.job import JobStatus

PAUSE = 0.05  # seconds between two attempts to get the turn


def worker_mark(lease: Lease) -> str:
    """Name a worker's hold on a job: another claim of the same job is another one."""
    return f"{lease.job_id}:{lease.fence}"


class Turns:
    """One worker's part in taking turns. A turn that its worker never ends is over by itself."""

    def __init__(self, lease: Lease) -> None:
        self.mark = worker_mark(lease)
        self._study = Study.objects.filter(pk=lease.study_id)

    @contextmanager
    def turn(self, stop: StopSignal) -> Iterator[None]:
        """Wait until no other worker of this study has the turn, then have it.

        Raises:
            Stopped: the user asked for it meanwhile.
            LeaseLostError: another worker has the job now.
        """
        while not self._take():
            stop.check()
            time.sleep(PAUSE)
        try:
            yield
        finally:
            self._study.filter(chooser=self.mark).update(chooser="", chooser_until=None)

    def extend(self) -> None:
        """Push the turn's end away, while choosing takes long."""
        self._study.filter(chooser=self.mark).update(chooser_until=Now() + LEASE)

    def _take(self) -> bool:
        free = Q(chooser="") | Q(chooser_until__lt=Now())
        taken = self._study.filter(free).update(chooser=self.mark, chooser_until=Now() + LEASE)
        return bool(taken)


def marks_alive(lease: Lease) -> set[str]:
    """Return the marks of all workers that have a job of this study now."""
    jobs = Job.objects.filter(study_id=lease.study_id, status=JobStatus.RUNNING)
    return {f"{pk}:{fence}" for pk, fence in jobs.values_list("pk", "fence")}
