"""Models that were written to the disk."""

import uuid

from django.db import models

from studies.models.job import Job
from studies.models.study import Study
from studies.models.trial import Trial


class Export(models.Model):
    """A trial as files; they are there, whole and verified, once `ready_at` is set."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.CASCADE, related_name="exports")
    trial = models.ForeignKey(Trial, models.CASCADE, related_name="exports")
    job = models.OneToOneField(Job, models.CASCADE, related_name="export")
    strategy = models.CharField(max_length=20)
    options = models.JSONField()  # as `ExportOptions` reads them
    expected = models.JSONField(default=dict)  # the bundle that it is to reproduce, if any
    manifest = models.JSONField(default=dict)  # files with sizes and hashes, verification
    size = models.PositiveBigIntegerField(default=0)  # bytes
    created_at = models.DateTimeField(auto_now_add=True)
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["trial", "-created_at"], name="export_of_trial")]

    def __str__(self) -> str:
        return f"{self.strategy} of trial {self.trial.number}"
