"""What tasks of an evaluation harness say of a trial, beside the original model."""

import uuid

from django.db import models

from studies.models.job import Job
from studies.models.study import Study
from studies.models.trial import Trial


class Benchmark(models.Model):
    """A trial and the original put to the same tasks; `results` grows task by task."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.CASCADE, related_name="benchmarks")
    trial = models.ForeignKey(Trial, models.CASCADE, related_name="benchmarks")
    job = models.OneToOneField(Job, models.CASCADE, related_name="benchmark")
    options = models.JSONField()  # as `BenchmarkOptions` reads them
    # [{"name", "original": [scores], "ablated": [scores], "reused"}], as `engine.benchmarks` says
    results = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["trial", "-created_at"], name="benchmark_of_trial"),
            models.Index(fields=["study", "-created_at"], name="benchmark_of_study"),
        ]

    def __str__(self) -> str:
        return f"benchmark of trial {self.trial.number}"


class OriginalScores(models.Model):
    """An original model's scores on a task, kept so that no second trial measures them again."""

    key = models.CharField(max_length=64, primary_key=True)  # of all that they depend on
    model = models.CharField(max_length=300)
    task = models.CharField(max_length=128)
    scores = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "original scores"

    def __str__(self) -> str:
        return f"{self.task} of {self.model}"
