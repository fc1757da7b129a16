"""Prompt sets, and the prompts that a study has frozen."""

from django.conf import settings
from django.db import models

from studies.models.parameters import slug_shape


class PromptSet(models.Model):
    """Where prompts come from; names of the columns are the reference tool's."""

    class Source(models.TextChoices):
        TEXT = "text", "Typed here"
        FILE = "file", "File in a prompt folder"
        DATASET = "dataset", "Dataset of the hub"

    slug = models.CharField(max_length=60, unique=True, validators=[slug_shape])
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=10, choices=Source, default=Source.TEXT)
    text = models.TextField(blank=True, help_text="One prompt a line; empty lines are ignored.")
    path = models.CharField(
        max_length=400, blank=True, help_text="A text file below a prompt folder, a prompt a line."
    )
    dataset = models.CharField(max_length=200, blank=True, help_text="owner/name on the hub.")
    commit = models.CharField(
        max_length=100, blank=True, help_text="Branch, tag or commit; blank: the newest."
    )
    split = models.CharField(max_length=100, blank=True, help_text="Such as train[:400].")
    column = models.CharField(max_length=100, blank=True, help_text="The column with the prompt.")
    prefix = models.TextField(blank=True, help_text="Put before every prompt.")
    suffix = models.TextField(blank=True, help_text="Put after every prompt.")
    system_prompt = models.TextField(blank=True, help_text="Blank: the study's own.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class FrozenPrompts(models.Model):
    """Prompts as a study uses them, kept once under the hash of their content."""

    digest = models.CharField(max_length=64, primary_key=True)
    prompts = models.JSONField()  # [{"user": …, "system": …}, …]
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "frozen prompts"

    def __str__(self) -> str:
        return f"{self.count} prompts {self.digest[:12]}"
