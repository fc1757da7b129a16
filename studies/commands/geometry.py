"""Measuring the residual geometry of a study."""

from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.jobs import ACTIVE, job_enqueue
from studies.lifecycle import StatusConflictError
from studies.models import Geometry, Study
from studies.models.job import JobKind


@transaction.atomic
def geometry_start(study: Study) -> Geometry:
    """Queue the measurement; what an earlier one found stays until this one is done.

    Raises:
        StatusConflictError: one is under way.
    """
    Study.objects.select_for_update(of=("self",)).only("pk").get(pk=study.pk)  # one at a time
    row = Geometry.objects.filter(study=study).select_related("job").first()
    if row and row.job.status in ACTIVE:
        raise StatusConflictError(row.job.status, "queued once more", "measurement")
    job = job_enqueue(study.pk, JobKind.GEOMETRY)
    row, _ = Geometry.objects.update_or_create(study=study, defaults={"job": job})
    ring_after_commit()
    return row
