"""Overrides for single models, whatever the preset."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from studies.admin.spec_form import SPEC_COLUMNS, SpecForm, sentence
from studies.admin.widgets import CSS, modules
from studies.engine.methods import METHODS
from studies.models import ModelOverride
from studies.models.parameters import METHOD_DEFAULT
from studies.parameters import value_display
from studies.preset_rules import override_problems

RANGE = "kind == 'float' || kind == 'integer'"


class GlobalOverrideForm(SpecForm):
    """An override that belongs to no preset."""

    method = forms.ChoiceField(
        choices=[(name, method.label) for name, method in METHODS.items()],
        initial=METHOD_DEFAULT,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = ModelOverride
        fields = ("pattern", "method", *SPEC_COLUMNS)

    def clean(self) -> dict[str, Any]:
        """Compare with the other overrides as well."""
        cleaned = super().clean()
        if {"pattern", "parameter", "component"} <= cleaned.keys() and not self.errors:
            self._compare(cleaned)
        return cleaned

    def _compare(self, cleaned: dict[str, Any]) -> None:
        columns = {name: cleaned[name] for name in ("pattern", "parameter", "component")}
        row = ModelOverride(pk=self.instance.pk, method=self.row_method.name, **columns)
        for problem in override_problems(row):
            self.add_error(problem.place, sentence(problem.message))


@admin.register(ModelOverride)
class ModelOverrideAdmin(ModelAdmin):
    form = GlobalOverrideForm
    fields = ("pattern", "method", *SPEC_COLUMNS)
    list_display = ("pattern", "parameter", "for_component", "value", "method")
    list_filter = ("parameter",)
    search_fields = ("pattern", "parameter", "component")
    conditional_fields = {
        "constant": "kind == 'constant'",
        "choices": "kind == 'choices'",
        "low": RANGE,
        "high": RANGE,
        "step": RANGE,
        "log": RANGE,
    }

    class Media:
        css = {"all": CSS}
        js = modules("spec-rows")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelOverride]:
        """Those of a preset are edited with the preset."""
        queryset: QuerySet[ModelOverride] = super().get_queryset(request)
        return queryset.filter(profile__isnull=True)

    @admin.display(description="Component", ordering="component")
    def for_component(self, row: ModelOverride) -> str:
        return row.component or "every"

    @admin.display(description="Value")
    def value(self, row: ModelOverride) -> str:
        return value_display(row.raw)
