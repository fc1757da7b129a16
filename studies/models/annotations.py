"""What people add to studies, trials and answers: tags, and thumbs up or down."""

from django.conf import settings
from django.db import models

from studies.models.study import Study
from studies.models.trial import Trial

MAX_TAG = 40  # characters


class StudyTag(models.Model):
    """One tag of a study; rows, not a list in a column, so that an index finds them."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="tag_rows")
    tag = models.CharField(max_length=MAX_TAG)

    class Meta:
        ordering = ["tag"]
        constraints = [models.UniqueConstraint(fields=["study", "tag"], name="study_tag_unique")]
        indexes = [models.Index(fields=["tag", "study"], name="study_tag_lookup")]

    def __str__(self) -> str:
        return self.tag


class TrialTag(models.Model):
    """One tag of a trial."""

    trial = models.ForeignKey(Trial, models.CASCADE, related_name="tag_rows")
    tag = models.CharField(max_length=MAX_TAG)

    class Meta:
        ordering = ["tag"]
        constraints = [models.UniqueConstraint(fields=["trial", "tag"], name="trial_tag_unique")]
        indexes = [models.Index(fields=["tag", "trial"], name="trial_tag_lookup")]

    def __str__(self) -> str:
        return self.tag


class AnswerLabel(models.Model):
    """One person's verdict on a trial's answer to one prompt, whichever scorers read it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    trial = models.ForeignKey(Trial, models.CASCADE, related_name="labels")
    prompts_digest = models.CharField(max_length=64)
    index = models.PositiveIntegerField(help_text="Of the prompt among the frozen ones.")
    is_good = models.BooleanField(help_text="Thumb up: an answer as the user wants it.")
    labelled_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "user", "prompts_digest", "index"], name="answer_label_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{'up' if self.is_good else 'down'} for answer {self.index}"
