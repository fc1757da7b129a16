"""Models scored beside their original, on prompts of their own."""

import uuid

from django.conf import settings
from django.db import models

from studies.models.export import Export
from studies.models.job import Job
from studies.models.parameters import Profile
from studies.models.study import Study
from studies.models.trial import Trial


class Scoring(models.Model):
    """One round of scoring: an original, and what is compared with it on the same prompts.

    Trials of a study on prompts that took no part in its search; or, without a study, a finished
    model with a preset's scorers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="scorings")
    study = models.ForeignKey(
        Study, models.CASCADE, null=True, blank=True, related_name="scorings"
    )
    job = models.OneToOneField(Job, models.CASCADE, related_name="scoring")
    original = models.CharField(max_length=300)  # hub id or local folder
    model = models.CharField(max_length=300, blank=True)  # the finished one, where there is one
    export = models.ForeignKey(  # which is this one, where it was made here
        Export, models.CASCADE, null=True, blank=True, related_name="scorings"
    )
    profile = models.ForeignKey(  # whose scorers judge, where no study says
        Profile, models.SET_NULL, null=True, blank=True, related_name="scorings"
    )
    settings = models.JSONField(default=dict)  # {method, values}, where no study has them
    # By the slug that the scorers name: {name, slug, how, digest, count, dropped, …}
    prompts = models.JSONField()
    facts = models.JSONField(default=dict)  # architecture, dtype, device
    baseline = models.JSONField(default=list)  # scores of the original on these prompts
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["study", "-created_at"], name="scoring_of_study"),
            models.Index(fields=["owner", "-created_at"], name="scoring_owner_newest"),
        ]

    def __str__(self) -> str:
        return f"scores of {self.model or self.study}"


class ScoringResult(models.Model):
    """How one model did; trial null: the finished model that the scoring names."""

    scoring = models.ForeignKey(Scoring, models.CASCADE, related_name="results")
    trial = models.ForeignKey(
        Trial, models.CASCADE, null=True, blank=True, related_name="scoring_results"
    )
    scores = models.JSONField(default=list)  # [{name, value, display, n, hits, low, high, …}]
    error = models.TextField(blank=True)  # why there are none
    seconds = models.FloatField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["scoring", "trial"], name="scoring_trial_unique"),
            models.UniqueConstraint(
                fields=["scoring"],
                name="scoring_model_unique",
                condition=models.Q(trial__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"scores of {self.trial or self.scoring.model}"
