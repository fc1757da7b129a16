"""What is checked across rows: the same parameter twice, patterns that tie."""

from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.forms import PaginationInlineFormSet

from studies.admin.spec_form import SpecForm, sentence
from studies.engine.override_rows import DUPLICATE, look_alike_problem, tie_problem
from studies.engine.parameters import Key


class SpecFormSet(PaginationInlineFormSet):
    """Rows of a preset, read with the preset's method."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        # The rows are made before the preset's own form has given the preset what was posted.
        method = self.data.get("method") or self.instance.method
        return {**super().get_form_kwargs(index), "method": method}

    def clean(self) -> None:
        """Refuse a row that repeats another, on the later of the two."""
        seen: set[tuple[str, Key]] = set()
        for form in live_forms(self.forms):
            claim = row_claim(form)
            if claim in seen:
                form.add_error("parameter", sentence(DUPLICATE))
            seen.add(claim)


class OverrideFormSet(SpecFormSet):
    """Override rows of a preset."""

    def clean(self) -> None:
        super().clean()
        earlier: list[tuple[str, Key]] = []
        for form in live_forms(self.forms):
            pattern, key = row_claim(form)
            message = look_alike_problem(pattern, (rival for rival, _ in earlier))
            if message := message or tie_problem(pattern, key, earlier):
                form.add_error("pattern", sentence(message))
            earlier.append((pattern, key))


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


def row_claim(form: SpecForm) -> tuple[str, Key]:
    """What a row sets: the pattern, "" where it is for every model, and the parameter."""
    data = form.cleaned_data
    return data.get("pattern", ""), Key(data["parameter"], data["component"])
