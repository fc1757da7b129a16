"""What is checked across rows: the same parameter twice, patterns that tie."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from unfold.forms import PaginationInlineFormSet

from studies.admin.spec_form import SpecForm
from studies.engine.patterns import patterns_clash

DUPLICATE = "This is set twice; keep one of the rows."


class SpecFormSet(PaginationInlineFormSet):
    """Rows of a preset, read with the preset's method."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        # The rows are made before the preset's own form has given the preset what was posted.
        method = self.data.get("method") or self.instance.method
        return {**super().get_form_kwargs(index), "method": method}

    def clean(self) -> None:
        """Refuse a row that repeats another, on the later of the two."""
        seen: set[tuple[str, ...]] = set()
        for form in live_forms(self.forms):
            key = row_key(form)
            if key in seen:
                form.add_error("parameter", DUPLICATE)
            seen.add(key)


class OverrideFormSet(SpecFormSet):
    """Override rows of a preset."""

    def clean(self) -> None:
        super().clean()
        earlier: list[SpecForm] = []
        for form in live_forms(self.forms):
            rows = [(f.cleaned_data["pattern"], *row_key(f)[1:]) for f in earlier]
            if rival := tie_with(form.cleaned_data, rows):
                form.add_error("pattern", tie_message(rival))
            earlier.append(form)


def tie_with(row: dict[str, Any], others: Iterable[Sequence[str]]) -> str:
    """Find a pattern that sets the same thing as `row` and is as specific; "" if there is none.

    `others` are (pattern, parameter, component); a blank component meets every component.
    """
    for pattern, parameter, component in others:
        same = parameter == row["parameter"] and (
            component == row["component"] or not (component and row["component"])
        )
        if same and patterns_clash(pattern, row["pattern"]):
            return pattern
    return ""


def tie_message(rival: str) -> str:
    return (
        f"Some models match this and “{rival}”, and neither is more specific, "
        "so it would be open which one decides. Make one of them longer."
    )


def live_forms(every: Iterable[forms.BaseForm]) -> list[SpecForm]:
    """The filled rows that can be read and are not about to be deleted."""
    return [
        form
        for form in every
        if isinstance(form, SpecForm)
        and form.is_valid()
        and form.cleaned_data.get("parameter")
        and not form.cleaned_data.get("DELETE")
    ]


def row_key(form: SpecForm) -> tuple[str, str, str]:
    data = form.cleaned_data
    return data.get("pattern", ""), data["parameter"], data["component"]
