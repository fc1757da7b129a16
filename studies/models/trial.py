"""Trials and the responses they gave."""

from django.db import models

from studies.models.study import Study


class TrialState(models.TextChoices):
    COMPLETE = "complete", "Complete"
    PRUNED = "pruned", "Pruned"  # ended on purpose before all scorers had run
    FAILED = "failed", "Failed"


class TrialSource(models.TextChoices):
    SAMPLED = "sampled", "Sampled"
    ENQUEUED = "enqueued", "Enqueued"
    TAKEN_OVER = "taken_over", "Taken over"


class Trial(models.Model):
    """One set of parameters and its scores; written once, when the trial has ended.

    A trial that a fork has taken over was measured by another study: its answers stand there.
    """

    State = TrialState
    Source = TrialSource

    study = models.ForeignKey(Study, models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField(help_text="Optuna's number within the study.")
    state = models.CharField(max_length=12, choices=TrialState)
    source = models.CharField(max_length=12, choices=TrialSource, default=TrialSource.SAMPLED)
    # The trial that was measured, where this one was taken over; never one taken over itself.
    origin = models.ForeignKey(
        "self", models.RESTRICT, null=True, blank=True, related_name="copies"
    )
    parameters = models.JSONField()  # nested, as in a parameter file
    details = models.JSONField(default=dict)  # what the method says: kernel, direction, others
    scores = models.JSONField(default=list)  # [{name, value, display, direction, …}]
    # Of the objectives, in the study's order; empty where a trial has not got all of them.
    values = models.JSONField(default=list)
    pruned = models.JSONField(default=dict)  # of a pruned trial: stage, stages, reason, excess
    is_pareto = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    note = models.TextField(blank=True)  # people's own
    seconds = models.FloatField(default=0)
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["study_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="trial_number_unique"),
            models.CheckConstraint(
                condition=models.Q(state__in=TrialState.values), name="trial_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["study", "number"],
                name="trial_front",
                condition=models.Q(is_pareto=True),
            ),
        ]

    def __str__(self) -> str:
        return f"trial {self.number}"


class QueuedTrial(models.Model):
    """Parameters that a study is to try before it samples more; those left out are sampled.

    It waits until `trial` is set. `number` is Optuna's, from when the search was handed it.
    """

    study = models.ForeignKey(Study, models.CASCADE, related_name="queued_trials")
    parameters = models.JSONField()  # nested, as in a parameter file
    origin = models.ForeignKey(
        Trial, models.SET_NULL, null=True, blank=True, related_name="retried_by"
    )
    number = models.PositiveIntegerField(null=True, blank=True)
    trial = models.OneToOneField(
        Trial, models.CASCADE, null=True, blank=True, related_name="queued"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]  # the order in which they are tried
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="queued_number_unique"),
        ]
        indexes = [
            models.Index(
                fields=["study", "id"],
                name="queued_waiting",
                condition=models.Q(trial__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"queued trial {self.pk}"


class ResponseSet(models.Model):
    """Answers to one scorer's prompts: of a trial, or (trial null) of the original model."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="response_sets")
    trial = models.ForeignKey(
        Trial, models.CASCADE, null=True, blank=True, related_name="response_sets"
    )
    scorer = models.CharField(max_length=60)
    prompts_digest = models.CharField(max_length=64)
    # [{"response": …, "matched": […], "verdict": …, "cut": …}], in the order of the prompts
    items = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "scorer"], name="responses_unique"),
            models.UniqueConstraint(
                fields=["study", "scorer"],
                name="baseline_responses_unique",
                condition=models.Q(trial__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorer} of {self.trial or 'the original model'}"
