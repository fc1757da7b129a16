"""Presets, what they set for each parameter, and the overrides for single models."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from studies.engine.methods import DEFAULT_METHOD
from studies.engine.texts import PRESET_SLUG, comment_problem

METHOD_DEFAULT = DEFAULT_METHOD
slug_shape = RegexValidator(
    PRESET_SLUG, "Small letters, digits and single hyphens, such as no-slop."
)


def comment_shape(text: str) -> None:
    """Refuse what a comment of a parameter file cannot hold."""
    if problem := comment_problem(text):
        raise ValidationError(f"The comment {problem}.")


class Profile(models.Model):
    """A preset: what a study starts from."""

    slug = models.CharField(
        max_length=60, unique=True, validators=[slug_shape], help_text="Its name in the API."
    )
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name="based on",
        help_text="What this preset leaves open comes from there.",
    )
    method = models.CharField(max_length=40, default=METHOD_DEFAULT)
    model = models.CharField(
        "suggested model", max_length=300, blank=True, help_text="Hub id or local folder."
    )
    settings = models.JSONField(default=dict, blank=True)  # only what this preset sets itself
    is_active = models.BooleanField("active", default=True, help_text="Offered for new studies.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "preset"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SpecKind(models.TextChoices):
    CONSTANT = "constant", "Constant"
    FLOAT = "float", "Range"
    INTEGER = "integer", "Whole-number range"
    CHOICES = "choices", "Choices"


class SpecColumns(models.Model):
    """A value of the search space as columns, so that the admin can edit it as a row."""

    parameter = models.CharField(max_length=60)
    component = models.CharField(max_length=60, blank=True, help_text="Blank: every component.")
    kind = models.CharField(max_length=10, choices=SpecKind, default=SpecKind.FLOAT)
    constant = models.JSONField(null=True, blank=True)
    # As JSON, since a column of floats would not know 1 from 1.0.
    low = models.JSONField(null=True, blank=True)
    high = models.JSONField(null=True, blank=True)
    step = models.JSONField(null=True, blank=True)
    log = models.BooleanField("log scale", default=False)
    choices = models.JSONField(null=True, blank=True)
    comment = models.TextField(
        blank=True,
        validators=[comment_shape],
        help_text="A note, kept as a comment in the parameter file.",
    )

    class Meta:
        abstract = True

    @property
    def raw(self) -> object:
        """The value as a parameter file has it; `engine.values.parse_value` reads it."""
        if self.kind == SpecKind.CONSTANT:
            return self.constant
        if self.kind == SpecKind.CHOICES:
            return self.choices
        ends = {"low": self.low, "high": self.high, "step": self.step}
        given = {name: end for name, end in ends.items() if end is not None}
        flags = {"log": self.log, "integer": self.kind == SpecKind.INTEGER}
        return given | {name: True for name, is_set in flags.items() if is_set}

    @raw.setter
    def raw(self, value: object) -> None:
        self.constant = self.choices = self.low = self.high = self.step = None
        self.log = False
        if isinstance(value, list):
            self.kind, self.choices = SpecKind.CHOICES, value
        elif isinstance(value, dict):
            self.kind = SpecKind.INTEGER if value.get("integer") else SpecKind.FLOAT
            self.low, self.high, self.step = (value.get(k) for k in ("low", "high", "step"))
            self.log = bool(value.get("log"))
        else:
            self.kind, self.constant = SpecKind.CONSTANT, value

    @property
    def place(self) -> str:
        return f'{self.parameter}["{self.component}"]' if self.component else self.parameter


class ParameterSpec(SpecColumns):
    profile = models.ForeignKey(Profile, models.CASCADE, related_name="specs")

    class Meta:
        verbose_name = "parameter"
        ordering = ["parameter", "component"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "parameter", "component"],
                name="spec_unique",
                violation_error_message="This preset already sets that parameter there.",
            )
        ]

    def __str__(self) -> str:
        return self.place


class ModelOverride(SpecColumns):
    """What one parameter becomes for the models that a pattern names."""

    profile = models.ForeignKey(
        Profile,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="overrides",
        help_text="Blank: for every preset.",
    )
    method = models.CharField(max_length=40, default=METHOD_DEFAULT)
    pattern = models.CharField(
        max_length=200, help_text="A model, or several: google/gemma-3-* (* and ? are wild)."
    )

    class Meta:
        ordering = ["pattern", "parameter", "component"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "pattern", "parameter", "component"],
                name="override_unique",
                violation_error_message="This pattern already sets that parameter there.",
            ),
            models.UniqueConstraint(
                fields=["method", "pattern", "parameter", "component"],
                name="override_global_unique",
                condition=models.Q(profile__isnull=True),
                violation_error_message="This pattern already sets that parameter there.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pattern}: {self.place}"


class ScorerSpec(models.Model):
    """A scorer of a preset; a preset with none takes those of the preset it is based on."""

    class Optimization(models.TextChoices):
        MINIMIZE = "minimize", "Minimise"
        MAXIMIZE = "maximize", "Maximise"
        NONE = "none", "Report only"

    profile = models.ForeignKey(Profile, models.CASCADE, related_name="scorers")
    position = models.PositiveSmallIntegerField(default=0)
    scorer = models.CharField(max_length=60)
    name = models.CharField(max_length=60, blank=True, help_text="Blank: the scorer's own.")
    optimization = models.CharField(
        max_length=10, choices=Optimization, default=Optimization.MINIMIZE
    )
    prompts = models.ForeignKey("studies.PromptSet", models.PROTECT, related_name="scorers")
    options = models.JSONField(default=dict, blank=True, help_text="Further settings, as JSON.")

    class Meta:
        verbose_name = "scorer"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name or self.scorer

    @property
    def raw(self) -> dict[str, Any]:
        """The scorer as settings have it."""
        own = {"name": self.name} if self.name else {}
        settings = {"prompts": self.prompts.slug, **self.options}
        return {"scorer": self.scorer, "optimization": self.optimization, **own} | {
            "settings": settings
        }
