"""A study and the numbered record of everything that happened to it."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class StudyStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"


class Study(models.Model):
    Status = StudyStatus

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="studies")
    name = models.CharField(max_length=100)
    notes = models.TextField(blank=True)  # people's own
    model = models.CharField(max_length=300, help_text="Hub id or local folder.")
    profile = models.ForeignKey("studies.Profile", models.PROTECT, related_name="studies")
    status = models.CharField(max_length=10, choices=StudyStatus, default=StudyStatus.DRAFT)
    status_changed_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)  # of its first trial run
    finished_at = models.DateTimeField(null=True, blank=True)

    forked_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="forks"
    )

    # Frozen at creation: method, resolved parameters and settings with who decided, prompts.
    snapshot = models.JSONField()
    n_trials = models.PositiveIntegerField()  # how many finished trials are wanted
    n_layers = models.PositiveIntegerField(null=True, blank=True)
    facts = models.JSONField(default=dict)  # what loading found: components, dtype, batch size …
    baseline = models.JSONField(default=list)  # scores of the original model

    # Counters beside the rows, so that a list of studies needs no join.
    n_finished = models.PositiveIntegerField(default=0)
    n_pruned = models.PositiveIntegerField(default=0)  # of these, ended before all their scores
    n_failed = models.PositiveIntegerField(default=0)
    n_taken_over = models.PositiveIntegerField(default=0)  # from other studies; not in n_finished
    best = models.JSONField(default=list)  # best value of each objective: [{name, value, …}]
    seconds = models.FloatField(default=0)  # spent in finished trials
    event_count = models.PositiveIntegerField(default=0)
    progress = models.JSONField(default=dict)  # the newest state; news are events
    progress_count = models.PositiveIntegerField(default=0)

    # Whose turn it is to choose trials: of the workers that run this study, one at a time.
    chooser = models.CharField(max_length=60, blank=True)
    chooser_until = models.DateTimeField(null=True, blank=True)

    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    error_advice = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-created_at", "-id"]
        indexes = [  # each in the whole of that order: a page far back sorts nothing
            models.Index(fields=["owner", "-created_at", "-id"], name="study_owner_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="study_status_newest"),
            models.Index(fields=["model", "-created_at", "-id"], name="study_model_newest"),
            models.Index(fields=["-created_at", "-id"], name="study_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=StudyStatus.values), name="study_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StudyEvent(models.Model):
    """One line of a study's history. Rows are appended, never changed."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="events")
    number = models.PositiveIntegerField(help_text="1, 2, 3 … without gaps within a study.")
    kind = models.CharField(max_length=30)
    payload = models.JSONField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="event_number_unique"),
        ]
        indexes = [
            models.Index(
                fields=["study", "number"], name="event_notes", condition=models.Q(kind="note")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.study_id}/{self.number} {self.kind}"

    def as_message(self) -> dict[str, Any]:
        return {
            **self.payload,
            "number": self.number,
            "kind": self.kind,
            "at": self.at.isoformat(),
        }


class StudyRequest(models.Model):
    """The study that an Idempotency-Key has made, so that a repeated request makes none."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)  # of the request's body
    study = models.ForeignKey(Study, models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="request_key_unique")]

    def __str__(self) -> str:
        return self.key
