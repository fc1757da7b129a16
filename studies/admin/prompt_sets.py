"""Prompt sets: where their prompts come from, and the first of them to look at."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from studies.admin.prompt_uses import PromptUsePages
from studies.admin.spec_form import sentence
from studies.admin.widgets import CSS
from studies.commands import prompt_set_check
from studies.engine.errors import EngineError
from studies.frozen import prompt_set_lines
from studies.models import PromptSet

PREVIEWED: Final = 10  # prompts
FIELDS_OF: Final = {
    PromptSet.Source.TEXT: ("text",),
    PromptSet.Source.FILE: ("path", "split"),
    PromptSet.Source.DATASET: ("dataset", "commit", "split", "column"),
}


class PromptSetForm(forms.ModelForm[PromptSet]):
    """A prompt set whose prompts can be read, or whose dataset is named well."""

    class Meta:
        model = PromptSet
        fields = (
            *("slug", "name", "source", "text", "path", "dataset", "commit", "split", "column"),
            *("prefix", "suffix", "system_prompt"),
        )

    def add_prefix(self, field_name: str) -> str:
        """Send the dataset under another name: the theme takes a posted "dataset" for its own."""
        return super().add_prefix("hub_dataset" if field_name == "dataset" else field_name)

    def clean(self) -> dict[str, Any]:
        """Read the prompts as a study would; what belongs to another source is dropped."""
        cleaned = super().clean() or {}
        source = cleaned.get("source")
        if source not in FIELDS_OF:
            return cleaned
        for name in {name for names in FIELDS_OF.values() for name in names} - {
            *FIELDS_OF[source]
        }:
            cleaned[name] = ""
        if not self.errors:
            self._read(cleaned)
        return cleaned

    def _read(self, cleaned: dict[str, Any]) -> None:
        main = FIELDS_OF[cleaned["source"]][0]
        try:
            prompt_set_check(PromptSet(**cleaned))
        except EngineError as error:
            for problem in error.problems:
                field = problem.place if problem.place in self.fields else main
                self.add_error(field, sentence(problem.message))


@admin.register(PromptSet)
class PromptSetAdmin(PromptUsePages):
    form = PromptSetForm
    prepopulated_fields = {"slug": ("name",)}
    list_display = ("name", "slug", "source", "origin", "owner", "created_at")
    list_filter = ("source",)
    list_select_related = ("owner",)
    search_fields = ("name", "slug", "dataset", "path")
    readonly_fields = ("preview",)
    fieldsets = (
        (None, {"fields": ("name", "slug", "source")}),
        ("Prompts", {"fields": ("text", "path", "dataset", "commit", "split", "column")}),
        ("Around each prompt", {"fields": ("prefix", "suffix", "system_prompt")}),
        ("Preview", {"fields": ("preview",)}),
    )
    conditional_fields = {
        "text": "source == 'text'",
        "path": "source == 'file'",
        "dataset": "source == 'dataset'",
        "commit": "source == 'dataset'",
        "column": "source == 'dataset'",
        "split": "source != 'text'",
    }

    class Media:
        css = {"all": CSS}

    @admin.display(description="From")
    def origin(self, row: PromptSet) -> str:
        return " ".join(filter(None, [row.path or row.dataset, row.split])) or "typed here"

    @admin.display(description="As saved")
    def preview(self, row: PromptSet) -> SafeString | str:
        """The number of prompts and the first of them, with prefix and suffix."""
        if not row.pk:
            return "Shown once saved."
        if row.source == PromptSet.Source.DATASET:
            return "Read by the worker when the first study starts that uses it."
        try:
            lines = prompt_set_lines(row)
        except EngineError as error:
            return f"Cannot be read: {error}"
        shown = [line[:300] for line in lines[:PREVIEWED]]
        context = {"count": len(lines), "lines": shown, "more": len(lines) - len(shown)}
        return SafeString(render_to_string("admin/studies/promptset/preview.html", context))

    def save_model(
        self,
        request: HttpRequest,
        obj: PromptSet,
        form: PromptSetForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        if not change:
            obj.owner_id = request.user.pk
        super().save_model(request, obj, form, change)
