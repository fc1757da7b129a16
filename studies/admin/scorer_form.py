"""A scorer of a preset as a row: its own settings become fields of the chosen scorer."""

import re
from typing import Any, ClassVar, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import PaginationInlineFormSet

from studies.admin.setting_fields import UNSET, Inherited, OfferedField, setting_field
from studies.admin.setting_values import setting_display
from studies.admin.spec_form import sentence
from studies.admin.widgets import HintSelect
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.methods import METHODS, method_get
from studies.engine.scorer_settings import SCORERS, scorer_name_problem
from studies.engine.settings import parse_settings
from studies.models import ScorerSpec
from studies.models.parameters import METHOD_DEFAULT

PREFIX: Final = "option_"
PROMPTS: Final = "prompts"  # a column of its own
_ROW: Final = re.compile(r"settings\.scorers\[(\d+)\]")
_TAIL: Final = re.compile(r"\.?(?:settings\.)?(?P<name>\w*)(?P<rest>.*)$")


class ScorerForm(forms.ModelForm[ScorerSpec]):
    """One scorer; further settings are named `option_<scorer>_<setting>`."""

    option_fields: ClassVar[dict[str, tuple[str, str]]] = {}  # field → (scorer, setting)

    scorer = OfferedField(choices=[(n, s.label) for n, s in SCORERS.items()])

    class Meta:
        model = ScorerSpec
        fields = ("scorer", "optimization", "prompts", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        super().__init__(*args, **kwargs)
        hints = {n: {"data-hint": s.description} for n, s in SCORERS.items()}
        choices = list(self.fields["scorer"].choices)  # type: ignore[attr-defined]
        self.fields["scorer"].widget = HintSelect(hints)
        self.fields["scorer"].widget.choices = choices
        self.fields["name"].validators = []  # the engine judges it, with its words
        for field, (scorer, name) in self.option_fields.items():
            stored = self.instance.options if self.instance.scorer == scorer else {}
            self.initial[field] = stored.get(name, UNSET)

    def clean_name(self) -> str:
        """The name, if it has one of its own."""
        name: str = self.cleaned_data["name"]
        if name and (message := scorer_name_problem(name)):
            raise ValidationError(sentence(message))
        return name

    def clean(self) -> dict[str, Any]:
        """Keep the chosen scorer's own settings, judged as the API judges them."""
        cleaned = super().clean() or {}
        chosen = {
            name: cleaned[field]
            for field, (scorer, name) in self.option_fields.items()
            if scorer == cleaned.get("scorer") and cleaned.get(field, UNSET) is not UNSET
        }
        self.instance.options = chosen
        return cleaned

    def add_problem(self, place: str, message: str) -> None:
        """Put a problem of `scorers[i]` on the field that the rest of its place names."""
        match = _TAIL.match(place)
        name, rest = (match["name"], match["rest"]) if match else ("", "")
        own = f"{PREFIX}{self.cleaned_data['scorer']}_{name}"
        field = next((field for field in (own, name) if field in self.fields), None)
        text = f"{rest.removeprefix('.')}: {message}" if rest else sentence(message)
        self.add_error(field, text)


class ScorerFormSet(PaginationInlineFormSet):
    """The scorers of a preset."""

    def clean(self) -> None:
        """Judge the rows together, as the API judges a list of scorers."""
        rows = [form for form in self.forms if _is_row(form)]
        if not rows or any(self.errors):
            return
        method = self.instance.method
        try:
            parse_settings(
                method_get(method if method in METHODS else METHOD_DEFAULT),
                {"scorers": [ScorerSpec(**row_columns(form)).raw for form in rows]},
            )
        except InvalidInputError as error:
            for problem in error.problems:
                self._add_problem(rows, problem)

    def _add_problem(self, rows: list[ScorerForm], problem: Problem) -> None:
        if match := _ROW.match(problem.place):
            rows[int(match[1])].add_problem(problem.place[match.end() :], problem.message)
        else:
            raise ValidationError(f"The scorers together: {problem.message}.")


def _is_row(form: ScorerForm) -> bool:
    return form.is_valid() and bool(
        form.cleaned_data.get("scorer") and not form.cleaned_data.get("DELETE")
    )


def row_columns(form: ScorerForm) -> dict[str, Any]:
    """The columns of the row that a valid form would save."""
    names = ("scorer", "optimization", "prompts", "name")
    return {name: form.cleaned_data[name] for name in names} | {"options": form.instance.options}


def scorer_form_class() -> type[ScorerForm]:
    """The form with the settings of every scorer."""
    fields: dict[str, forms.Field] = {}
    owners: dict[str, tuple[str, str]] = {}
    for scorer, kind in SCORERS.items():
        for name, info in kind.settings.model_fields.items():
            if name == PROMPTS:
                continue
            default = info.get_default(call_default_factory=True)
            field = setting_field(
                name, info, Inherited(setting_display(name, default), "the scorer")
            )
            field.label = f"{kind.label}: {str(field.label).lower()}"
            fields[f"{PREFIX}{scorer}_{name}"] = field
            owners[f"{PREFIX}{scorer}_{name}"] = (scorer, name)
    attributes: dict[str, Any] = fields | {"option_fields": owners}
    return type("AnyScorerForm", (ScorerForm,), attributes)
