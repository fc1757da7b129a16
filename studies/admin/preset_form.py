"""The form of a preset: its own columns, and its settings as typed fields."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final

from django import forms
from pydantic import BaseModel
from unfold.widgets import UnfoldAdminSelectWidget

from studies.admin.setting_fields import UNSET, Inherited, OfferedField, setting_fields
from studies.admin.setting_values import setting_display
from studies.admin.spec_form import sentence
from studies.engine.errors import EngineError, InvalidInputError, Problem
from studies.engine.methods import METHODS, method_get
from studies.engine.presets import parse_columns
from studies.engine.settings import StudySettings, parse_settings, resolve_settings, settings_class
from studies.models import Profile
from studies.models.parameters import METHOD_DEFAULT
from studies.parameters import profile_resolve
from studies.preset_rules import (
    family_problems,
    model_problems,
    prompt_set_problems,
    taken_problems,
)

PREFIX: Final = "setting_"
TYPED: Final = ("name", "slug", "description", "model")
ROWS: Final = "scorers"  # edited as rows of their own
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Search": ("n_trials", "n_startup_trials", "seed", "staged_evaluation", "kl_limit"),
    "Prompts": ("good_prompts", "bad_prompts", "system_prompt"),
    "Answers": (
        "response_prefix",
        "max_response_length",
        "early_verdict",
        "chain_of_thought_skips",
    ),
    "Model": (
        "target_components",
        "untouched_layers",
        "untouched_layer_fractions",
        "dtypes",
        "model_commit",
        "batch_size",
        "max_batch_size",
        "trials_per_batch",
        "n_workers",
        "compile",
    ),
}


class PresetForm(forms.ModelForm[Profile]):
    """A preset; the subclass for a method has the method's settings as further fields."""

    setting_names: ClassVar[tuple[str, ...]] = ()

    method = OfferedField(
        label="Method",
        choices=[(name, method.label) for name, method in METHODS.items()],
        initial=METHOD_DEFAULT,
        widget=UnfoldAdminSelectWidget,
        help_text="What is done to the model. It decides which parameters there are; "
        "those of another method are offered once it is saved.",
    )

    class Meta:
        model = Profile
        fields = ("name", "slug", "description", "parent", "method", "model", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's signature
        super().__init__(*args, **kwargs)
        stored = self.instance.settings
        for name in self.setting_names:
            self.initial[PREFIX + name] = stored.get(name, UNSET)
        for name in TYPED:  # the engine judges them, with its words
            self.fields[name].validators = []
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Check the settings together, as the API would, and keep only those that are set."""
        cleaned = super().clean() or {}
        problems = self._column_problems(cleaned) + self._setting_problems(cleaned)
        for problem in problems:
            self._add_problem(problem)
        return cleaned

    def _setting_problems(self, cleaned: dict[str, Any]) -> list[Problem]:
        method = METHODS.get(cleaned.get("method", ""))
        if method is None:  # said of the method already
            return []
        given = {name: cleaned.get(PREFIX + name, UNSET) for name in self.setting_names}
        raw = {name: value for name, value in given.items() if value is not UNSET}
        try:
            self.instance.settings = parse_settings(method, raw)
        except InvalidInputError as error:
            return list(error.problems)
        return prompt_set_problems(self.instance.settings)

    def _column_problems(self, cleaned: dict[str, Any]) -> list[Problem]:
        typed: dict[str, object] = {
            name: cleaned[name] for name in (*TYPED, "method") if name in cleaned
        }
        try:
            columns = parse_columns(typed)
        except InvalidInputError as error:
            return list(error.problems)
        cleaned |= columns
        problems = [*taken_problems(self.instance, columns), *model_problems(cleaned["model"])]
        if "parent" in cleaned:
            problems += family_problems(self.instance, cleaned["parent"], cleaned["method"])
        return problems

    def _add_problem(self, problem: Problem) -> None:
        if not problem.place.startswith("settings."):
            self.add_error(problem.place, sentence(problem.message))
            return
        name, rest = setting_place(problem.place)
        field = PREFIX + name
        text = f"{rest}: {problem.message}" if rest else sentence(problem.message)
        self.add_error(field if field in self.fields else None, text)


def setting_place(place: str) -> tuple[str, str]:
    """Split `settings.dtypes[1]` into the setting and the rest of the place."""
    path = place.removeprefix("settings.")
    name = path.split(".", 1)[0].split("[", 1)[0]
    return name, path[len(name) :].removeprefix(".")


def preset_form_class(method: str, profile: Profile | None) -> type[PresetForm]:
    """The form for presets of a method; hints say what `profile` inherits."""
    schema = settings_schema(method if method in METHODS else METHOD_DEFAULT)
    names = tuple(name for name in schema.model_fields if name != ROWS)
    fields = setting_fields(schema, names, inherited_settings(schema, method, profile))
    attributes: dict[str, Any] = {PREFIX + name: field for name, field in fields.items()}
    return type("MethodPresetForm", (PresetForm,), attributes | {"setting_names": names})


def setting_groups(method: str) -> list[tuple[str, list[str]]]:
    """Headings with the form fields below them; no setting is left out."""
    schema = settings_schema(method if method in METHODS else METHOD_DEFAULT)
    base = set(StudySettings.model_fields)
    own = [name for name in schema.model_fields if name not in base]
    grouped = {name for names in GROUPS.values() for name in names} | set(own) | {ROWS}
    rest = [name for name in schema.model_fields if name not in grouped]
    groups = [*GROUPS.items(), ("Ablation", tuple(own)), ("Further", tuple(rest))]
    return [(heading, [PREFIX + name for name in names]) for heading, names in groups if names]


def inherited_settings(
    schema: type[BaseModel], method: str, profile: Profile | None
) -> dict[str, Inherited]:
    """What each setting is without the preset's own word."""
    parent = profile.parent if profile else None
    try:
        known = (
            profile_resolve(parent).settings
            if parent
            else resolve_settings(method_get(method), [])
        )
    except EngineError:  # shown in full by the table of what the preset resolves to
        return {}
    return {name: Inherited(setting_display(name, s.value), s.source) for name, s in known.items()}


@cache
def settings_schema(method: str) -> type[BaseModel]:
    return settings_class(method_get(method))
