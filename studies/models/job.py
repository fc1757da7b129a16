"""Work for a worker, and the workers."""

import uuid

from django.db import models

from studies.models.study import Study


class JobStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


class JobKind(models.TextChoices):
    STUDY_RUN = "study_run", "Run a study"
    STUDY_HELP = "study_help", "Help to run a study"
    EXPORT = "export", "Export"
    REPRODUCE = "reproduce", "Reproduce"
    UPLOAD = "upload", "Upload"
    CHAT = "chat", "Answer in a chat"
    RESCORE = "rescore", "Score on held-out prompts"
    EVALUATE = "evaluate", "Evaluate a model"
    BENCHMARK = "benchmark", "Benchmark"
    GEOMETRY = "geometry", "Residual geometry"


class Worker(models.Model):
    """A worker process; its row is only true while `seen_at` is recent."""

    id = models.CharField(max_length=120, primary_key=True)
    device = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=10, default="idle")  # idle, busy
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id


class Job(models.Model):
    """One piece of work. Only a live lease says that somebody is working on it."""

    Status = JobStatus
    Kind = JobKind

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=JobKind)
    study = models.ForeignKey(  # none: it is about a finished model, see `Scoring`
        Study, models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    status = models.CharField(max_length=10, choices=JobStatus, default=JobStatus.QUEUED)
    priority = models.SmallIntegerField(default=0, help_text="Higher runs first.")
    attempt = models.PositiveIntegerField(default=0, help_text="Starts since the last progress.")
    worker_id = models.CharField(max_length=120, blank=True)
    fence = models.PositiveIntegerField(default=0)  # raised by each claim; late writers carry less
    lease_until = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict)  # what is asked, as its kind reads it
    after = models.ForeignKey(  # is not begun before this one has ended
        "self", models.SET_NULL, null=True, blank=True, related_name="followers"
    )
    stop_requested = models.BooleanField(default=False)  # its worker reads it between steps
    progress = models.JSONField(default=dict)  # of a study's run: see the study
    result = models.JSONField(default=dict)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    error_advice = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["-priority", "created_at"],
                name="job_queue",
                condition=models.Q(status="queued"),
            ),
            models.Index(
                fields=["lease_until"], name="job_leases", condition=models.Q(status="running")
            ),
            models.Index(fields=["-created_at"], name="job_newest"),
        ]
        constraints = [
            # A study is run by one job at a time.
            models.UniqueConstraint(
                fields=["study"],
                name="job_active_run",
                condition=models.Q(kind="study_run", status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.study or self.payload.get('model', '')}"
