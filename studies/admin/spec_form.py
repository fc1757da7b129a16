"""A parameter's value as a row of a form: columns in, the engine's judgement on the right one."""

import re
from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from studies.admin.setting_values import items_of, number_or_text, text_of
from studies.admin.widgets import HintSelect, SuggestInput
from studies.engine.errors import Problem
from studies.engine.methods import METHODS, method_get
from studies.engine.methods.schema import GENERAL, Parameter
from studies.engine.values import Value, value_to_json
from studies.models import SpecColumns, SpecKind
from studies.models.parameters import METHOD_DEFAULT
from studies.parameters import spec_problems, value_display

VALUE_COLUMNS: Final = ("constant", "low", "high", "step", "log", "choices")
SPEC_COLUMNS: Final = ("parameter", "component", "kind", *VALUE_COLUMNS)
_ENDS: Final = re.compile(r"\.(low|high|step|log)$")


class SpecForm(forms.ModelForm[SpecColumns]):
    """One parameter of a method; `method` is the method of the preset that the row belongs to."""

    parameter = forms.ChoiceField(help_text="What to set.")
    component = forms.CharField(
        required=False, max_length=60, help_text="Blank: every component of the model."
    )
    constant = forms.CharField(
        required=False, max_length=100, widget=UnfoldAdminTextInputWidget({"placeholder": "value"})
    )
    choices = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminExpandableTextareaWidget({"placeholder": "one, two, three", "rows": 1}),
        help_text="Separated by commas, or one a line.",
    )

    def __init__(self, *args: Any, method: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        super().__init__(*args, **kwargs)
        name = method or self._own_method()
        self.row_method = method_get(name if name in METHODS else METHOD_DEFAULT)
        self._offer_parameters()
        for name in ("low", "high", "step"):
            self.fields[name].widget = UnfoldAdminTextInputWidget(
                {"placeholder": name, "inputmode": "decimal", "autocomplete": "off"}
            )
        for name in ("constant", "choices"):
            self.initial[name] = text_of(getattr(self.instance, name))
        for name in ("low", "high", "step"):
            if (end := getattr(self.instance, name)) is not None:
                self.initial[name] = f"{end:.15g}"

    def clean(self) -> dict[str, Any]:
        """Read the columns of the chosen kind, let the engine judge them, drop the others."""
        cleaned = super().clean() or {}
        if not {"parameter", "component", "kind"} <= cleaned.keys():
            return cleaned
        probe = self._meta.model(**{name: cleaned.get(name) for name in SPEC_COLUMNS})
        probe.constant = number_or_text(cleaned.get("constant") or "")
        probe.choices = [number_or_text(item) for item in items_of(cleaned.get("choices") or "")]
        probe.low, probe.high, probe.step = (cleaned.get(n) for n in ("low", "high", "step"))
        probe.log = bool(cleaned.get("log"))
        self._judge(probe)
        probe.raw = probe.raw  # clears the columns of the other kinds
        return cleaned | {name: getattr(probe, name) for name in VALUE_COLUMNS}

    def _judge(self, probe: SpecColumns) -> None:
        parameter = self.row_method.parameter(probe.parameter)
        if parameter is None:
            self.add_error("parameter", f"{self.row_method.label} has no such parameter.")
        elif message := self.row_method.component_problem(parameter, probe.component):
            self.add_error("component", sentence(message))
        elif probe.kind == SpecKind.CONSTANT and probe.constant == "":
            self.add_error("constant", "Type the value.")
        elif probe.kind == SpecKind.CHOICES and not probe.choices:
            self.add_error("choices", "Type at least one choice.")
        else:
            problems = spec_problems(
                self.row_method.name, probe.place, probe.parameter, probe.component, probe.raw
            )
            for problem in problems:
                self._add_problem(probe, problem)

    def _add_problem(self, probe: SpecColumns, problem: Problem) -> None:
        field = place_field(problem.place.removeprefix(probe.place), SpecKind(probe.kind))
        if field not in self.errors:  # else the field has said already what is wrong with it
            self.add_error(field, sentence(problem.message))

    def _own_method(self) -> str:
        return str(
            self.data.get(self.add_prefix("method")) or getattr(self.instance, "method", "")
        )

    def _offer_parameters(self) -> None:
        known = {p.name: p.name.replace("_", " ") for p in self.row_method.parameters}
        if (stored := self.instance.parameter) and stored not in known:
            known[stored] = f"{stored} (not a parameter of this method)"
        hints = {p.name: parameter_hint(p) for p in self.row_method.parameters}
        field = self.fields["parameter"]
        field.widget = HintSelect(hints=hints)
        field.choices = [("", "Choose …"), *known.items()]  # type: ignore[attr-defined]
        self.fields["component"].widget = SuggestInput(
            suggestions=self.row_method.known_components, placeholder="every"
        )


def sentence(message: str) -> str:
    """Write a problem's message as a sentence of its own."""
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def place_field(tail: str, kind: SpecKind) -> str:
    """Name the form field that the rest of a problem's place speaks of."""
    if match := _ENDS.search(tail):
        return match[1]
    return {SpecKind.CONSTANT: "constant", SpecKind.CHOICES: "choices"}.get(kind, "low")


def parameter_hint(parameter: Parameter) -> str:
    """A parameter's unit, default and meaning in a line."""
    general = parameter.default[GENERAL]
    own = {c: v for c, v in parameter.default.items() if c != GENERAL and v != general}
    listed = "; ".join([_shown(general), *(f"{c} {_shown(v)}" for c, v in own.items())])
    return f"{parameter.unit} · default {listed} · {parameter.description}"


def _shown(value: Value) -> str:
    return value_display(value_to_json(value))
