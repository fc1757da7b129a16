"""A parameter's value as a row of a form: columns in, the engine's judgement on the right one."""

import re
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from studies.admin.parameter_hints import parameter_attributes
from studies.admin.setting_fields import OfferedField
from studies.admin.setting_values import items_of, number_or_text, text_of
from studies.admin.widgets import HintSelect, SuggestInput
from studies.engine.errors import Problem
from studies.engine.methods import METHODS, method_get
from studies.engine.override_rows import row_problems
from studies.engine.parameters import Key
from studies.engine.patterns import pattern_problem
from studies.engine.texts import tidy_comment
from studies.models import SpecColumns, SpecKind
from studies.models.parameters import METHOD_DEFAULT, comment_shape

VALUE_COLUMNS: Final = ("constant", "low", "high", "step", "log", "choices")
SPEC_COLUMNS: Final = ("parameter", "component", "kind", *VALUE_COLUMNS, "comment")
ENDS: Final = ("low", "high", "step")
_ENDS: Final = re.compile(r"\.(low|high|step|log)$")
_INDEX: Final = re.compile(r"\[\d+\]$")  # of a choice


def _number_field(name: str) -> forms.CharField:
    """A field for a number that is kept as typed: 1 is not 1.0."""
    attributes = {"placeholder": name, "inputmode": "decimal", "autocomplete": "off"}
    widget = UnfoldAdminTextInputWidget(attributes)
    return forms.CharField(required=False, widget=widget)


class SpecForm(forms.ModelForm[SpecColumns]):
    """One parameter of a method; `method` is the method of the preset that the row belongs to."""

    parameter = OfferedField(help_text="What to set.")
    component = forms.CharField(required=False, help_text="Blank: every component of the model.")
    constant = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget({"placeholder": "value"})
    )
    choices = forms.CharField(
        required=False,
        widget=UnfoldAdminExpandableTextareaWidget({"placeholder": "one, two, three", "rows": 1}),
        help_text="Separated by commas, or one a line.",
    )
    low = _number_field("low")
    high = _number_field("high")
    step = _number_field("step")
    comment = forms.CharField(
        required=False,
        validators=[comment_shape],
        widget=UnfoldAdminExpandableTextareaWidget({"placeholder": "why", "rows": 1}),
        help_text="A note, kept as a comment in the parameter file.",
    )

    def __init__(self, *args: Any, method: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        super().__init__(*args, **kwargs)
        name = method or self._own_method()
        self.row_method = method_get(name if name in METHODS else METHOD_DEFAULT)
        self._offer_parameters()
        for name in ("constant", "choices", *ENDS):
            self.initial[name] = text_of(getattr(self.instance, name))
        if "pattern" in self.fields:  # the engine judges it, with its words
            self.fields["pattern"].validators = []
            self.fields["pattern"].required = False

    def clean_pattern(self) -> str:
        """The pattern of an override."""
        pattern: str = self.cleaned_data["pattern"]
        if message := pattern_problem(pattern):
            raise ValidationError(sentence(message))
        return pattern

    def clean_comment(self) -> str:
        """The comment as a parameter file gives it back."""
        return tidy_comment(self.cleaned_data["comment"])

    def clean(self) -> dict[str, Any]:
        """Read the columns of the chosen kind, let the engine judge them, drop the others."""
        cleaned = super().clean() or {}
        if not {"parameter", "component", "kind"} <= cleaned.keys():
            return cleaned
        probe = self._meta.model(**{name: cleaned.get(name) for name in SPEC_COLUMNS})
        probe.constant = number_or_text(cleaned.get("constant") or "")
        probe.choices = [number_or_text(item) for item in items_of(cleaned.get("choices") or "")]
        for name in ENDS:
            typed = cleaned.get(name)
            setattr(probe, name, number_or_text(typed) if typed else None)
        probe.log = bool(cleaned.get("log"))
        self._judge(probe)
        probe.raw = probe.raw  # clears the columns of the other kinds
        return cleaned | {name: getattr(probe, name) for name in VALUE_COLUMNS}

    def _judge(self, probe: SpecColumns) -> None:
        key = Key(probe.parameter, probe.component)
        for problem in row_problems(self.row_method, key, probe.raw):
            self._add_problem(probe, problem)

    def _add_problem(self, probe: SpecColumns, problem: Problem) -> None:
        field = row_field(problem.place, SpecKind(probe.kind))
        if field not in self.errors:  # else the field has said already what is wrong with it
            at = _INDEX.search(problem.place)
            self.add_error(
                field, f"{at[0]}: {problem.message}" if at else sentence(problem.message)
            )

    def _own_method(self) -> str:
        return str(
            self.data.get(self.add_prefix("method")) or getattr(self.instance, "method", "")
        )

    def _offer_parameters(self) -> None:
        known = {p.name: p.name.replace("_", " ") for p in self.row_method.parameters}
        if (stored := self.instance.parameter) and stored not in known:
            known[stored] = f"{stored} (not a parameter of this method)"
        attributes = {p.name: parameter_attributes(p) for p in self.row_method.parameters}
        field = self.fields["parameter"]
        field.widget = HintSelect(attributes)
        field.choices = [("", "Choose …"), *known.items()]  # type: ignore[attr-defined]
        self.fields["component"].widget = SuggestInput(
            suggestions=self.row_method.known_components, placeholder="every"
        )


def sentence(message: str) -> str:
    """Write a problem's message as a sentence of its own."""
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def row_field(place: str, kind: SpecKind) -> str:
    """Name the form field that a problem's place in a row speaks of."""
    if place in ("parameter", "component"):
        return place
    if match := _ENDS.search(place):
        return match[1]
    return {SpecKind.CONSTANT: "constant", SpecKind.CHOICES: "choices"}.get(kind, "low")
