"""Exports on their way to the hub."""

import uuid

from django.db import models

from studies.models.export import Export
from studies.models.job import Job


class Upload(models.Model):
    """One upload of an export; its job says how far it is and what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    export = models.ForeignKey(Export, models.CASCADE, related_name="uploads")
    job = models.OneToOneField(Job, models.CASCADE, related_name="upload")
    repo_id = models.CharField(max_length=200)  # owner/name
    is_private = models.BooleanField(default=True)
    message = models.CharField(max_length=300)  # of the one commit
    has_own_token = models.BooleanField(default=False)  # typed for this upload
    sealed_token = models.TextField(blank=True)  # see `studies.uploading`; soon empty again
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="upload_with_token",
                condition=~models.Q(sealed_token=""),
            ),
        ]

    def __str__(self) -> str:
        return self.repo_id
