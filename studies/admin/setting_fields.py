"""Form fields for settings, made from the schema that declares them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from studies.admin.setting_values import (
    NONE_LABEL,
    NONE_LABELS,
    items_of,
    number_or_text,
    pairs_of,
    pairs_text,
    spans_of,
    spans_text,
    text_of,
    without_none,
)
from studies.admin.widgets import ModeWidget
from studies.engine import targeting
from studies.models import PromptSet


class Unset(Enum):
    """What a field gives if the preset leaves its setting open."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
LONG_TEXT: Final = {"system_prompt"}
PROMPT_SETS: Final = {"good_prompts", "bad_prompts"}


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a setting is while the preset leaves it open, and who says so."""

    display: str
    source: str

    @property
    def hint(self) -> SafeString:
        return format_html(
            "Left open: <b>{}</b>, from {}.", _short(self.display, 100), self.source
        )


class OpenField(forms.Field):
    """A field that may be left open; its value is the setting's JSON."""

    to_json: Callable[[Any], Any] = staticmethod(lambda value: value)
    to_text: Callable[[Any], Any] = staticmethod(lambda value: value)

    def prepare_value(self, value: Any) -> Any:  # noqa: ANN401 - Django's signature
        if value is UNSET or value is None:  # None: the field was not sent
            return None
        return value if isinstance(value, str) else self.to_text(value)

    def clean(self, value: Any) -> Any:  # noqa: ANN401 - Django's signature
        cleaned = super().clean(value)
        return UNSET if cleaned in self.empty_values else self.to_json(cleaned)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ANN401 - Django's signature
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


class OpenInteger(OpenField, forms.CharField):
    widget = UnfoldAdminIntegerFieldWidget
    to_json = staticmethod(number_or_text)


class OpenFloat(OpenInteger):
    widget = UnfoldAdminDecimalFieldWidget


class OpenText(OpenField, forms.CharField):
    widget = UnfoldAdminTextInputWidget

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's options
        super().__init__(strip=False, **options)
        self.validators = []  # the engine judges it


class OfferedField(forms.ChoiceField):
    """A choice whose select offers the good ones; the engine judges what is sent."""

    def valid_value(self, value: object) -> bool:
        return True


class OpenChoice(OpenField, OfferedField):
    widget = UnfoldAdminSelectWidget


class OpenBoolean(OpenChoice):
    to_json = staticmethod(lambda value: {"true": True, "false": False}.get(value, value))
    to_text = staticmethod(lambda value: str(value).lower())


class OpenList(OpenField, forms.CharField):
    widget = UnfoldAdminExpandableTextareaWidget
    to_json = staticmethod(items_of)
    to_text = staticmethod(text_of)


class OpenPairs(OpenField, forms.CharField):
    widget = UnfoldAdminExpandableTextareaWidget
    to_json = staticmethod(pairs_of)
    to_text = staticmethod(pairs_text)


class OpenSpans(OpenField, forms.CharField):
    widget = UnfoldAdminTextInputWidget
    to_json = staticmethod(spans_of)
    to_text = staticmethod(spans_text)


class ModeField(forms.Field):
    """Left open, nothing at all, or a typed value: three different things, told by a select."""

    OPEN, NOTHING, TYPED = "", "nothing", "typed"

    def __init__(
        self,
        typed: OpenField,
        *,
        none_label: str,
        open_label: str,
        **options: Any,  # noqa: ANN401 - Django's options
    ) -> None:
        nothing = [(self.NOTHING, none_label)] if none_label else []
        modes = [(self.OPEN, open_label), *nothing, (self.TYPED, "This value:")]
        widget = ModeWidget(modes, typed.widget, label=str(options.get("label", "")))
        super().__init__(widget=widget, **options)
        self.typed = typed

    def prepare_value(self, value: Any) -> list[Any]:  # noqa: ANN401 - Django's signature
        if value is UNSET:
            return [self.OPEN, ""]
        if value is None:
            return [self.NOTHING, ""]
        if isinstance(value, list) and len(value) == 2 and value[0] in dict(self.modes):
            return value  # as it was posted
        return [self.TYPED, self.typed.prepare_value(value)]

    @property
    def modes(self) -> Iterable[tuple[str, str]]:
        return self.widget.widgets[0].choices  # type: ignore[no-any-return]

    def clean(self, value: Any) -> Any:  # noqa: ANN401 - Django's signature
        mode, typed = value or (self.OPEN, "")
        if mode == self.NOTHING and dict(self.modes).get(mode):
            return None
        cleaned = self.typed.clean(typed or "")
        if mode == self.TYPED and cleaned is UNSET:
            return self._empty()
        return cleaned  # a value that was typed counts, whatever the select says

    def _empty(self) -> Any:  # noqa: ANN401 - a setting's JSON
        if isinstance(self.typed, OpenText):
            return ""
        raise ValidationError("Type the value, or leave the setting open.")

    has_changed = OpenField.has_changed


def setting_fields(
    schema: type[BaseModel], names: Iterable[str], inherited: Mapping[str, Inherited]
) -> dict[str, forms.Field]:
    """Make a field for each named setting of a schema."""
    return {
        name: setting_field(name, schema.model_fields[name], inherited.get(name)) for name in names
    }


def setting_field(name: str, info: FieldInfo, inherited: Inherited | None) -> forms.Field:
    """Make the field of one setting, with its description and what applies if it is left open."""
    annotation, is_nullable = without_none(info.annotation)
    hint = inherited.hint if inherited else ""
    common = {
        "label": setting_label(name),
        "help_text": format_html("{} {}", info.description or "", hint),
        "required": False,
    }
    open_label = f"Left open ({_short(inherited.display)})" if inherited else "Left open"
    if is_nullable or (annotation is str and name not in PROMPT_SETS):
        typed = _typed_field(name, annotation, {"required": False}, open_label)
        none_label = NONE_LABELS.get(name, NONE_LABEL) if is_nullable else ""
        return ModeField(typed, none_label=none_label, open_label=open_label, **common)
    field = _typed_field(name, annotation, common, open_label)
    if inherited:
        field.widget.attrs.setdefault("placeholder", _short(inherited.display))
    return field


def _typed_field(
    name: str,
    annotation: Any,  # noqa: ANN401 - a type
    common: dict[str, Any],
    open_label: str,
) -> OpenField:
    simple: dict[Any, type[OpenField]] = {int: OpenInteger, float: OpenFloat, str: OpenText}
    if name in PROMPT_SETS:
        return OpenChoice(choices=lambda: [("", open_label), *prompt_set_choices()], **common)
    if name in targeting.SETTINGS:
        return OpenSpans(**common)
    if annotation is bool:
        return OpenBoolean(choices=[("", open_label), ("true", "Yes"), ("false", "No")], **common)
    if annotation in simple:
        widget = {"widget": UnfoldAdminExpandableTextareaWidget} if name in LONG_TEXT else {}
        return simple[annotation](**common, **widget)
    if get_origin(annotation) is Literal:
        words = [(word, word) for word in get_args(annotation)]
        return OpenChoice(choices=[("", open_label), *words], **common)
    if get_origin(annotation) in (list, tuple):
        item = without_none(get_args(annotation)[0])[0]
        return (OpenPairs if get_origin(item) is tuple else OpenList)(**common)
    if {without_none(one)[0] for one in get_args(annotation)} <= {int, float}:
        return OpenFloat(**common)
    raise TypeError(f"no form field for the setting {name}: {annotation}")


def prompt_set_choices() -> list[tuple[str, str]]:
    return [
        (row.slug, f"{row.name} ({row.slug})") for row in PromptSet.objects.only("slug", "name")
    ]


def setting_label(name: str) -> str:
    words = f"number of {name[2:]}" if name.startswith("n_") else name
    return words.replace("_", " ").capitalize()


def _short(text: str, most: int = 60) -> str:
    return Truncator(" ".join(text.split())).chars(most)
