"""Form widgets in the theme's style that the theme itself does not have."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.forms import Script
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

CSS = ("studies/admin/admin.css",)


def modules(*names: str) -> list[Script]:
    """Our ES modules, for a `Media` class."""
    return [Script(f"studies/admin/{name}.js", type="module") for name in names]


class HintSelect(UnfoldAdminSelectWidget):
    """A select whose options carry what the scripts of a row show and fill in."""

    def __init__(self, attributes: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__({"class": "row-hint-source"})
        self.attributes_of = attributes

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - Django's signature
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        option["attrs"] |= self.attributes_of.get(str(value), {})
        return option


class SuggestInput(UnfoldAdminTextInputWidget):
    """A text input that suggests values and takes any other."""

    def __init__(self, *, suggestions: Iterable[str], placeholder: str = "") -> None:
        super().__init__({"placeholder": placeholder, "autocomplete": "off"})
        self.suggestions = tuple(suggestions)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ANN401 - Django's signature
        list_id = f"{(attrs or {}).get('id', name)}-suggestions"
        typed = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        options = format_html_join(
            "", '<option value="{}"></option>', ((s,) for s in self.suggestions)
        )
        return format_html('{}<datalist id="{}">{}</datalist>', typed, list_id, options)


class ModeWidget(forms.MultiWidget):
    """A select "inherited, nothing, this value" beside the input for the value."""

    def __init__(
        self, choices: Iterable[tuple[str, str]], typed: forms.Widget, *, label: str
    ) -> None:
        typed.attrs["aria-label"] = f"{label}, this value"  # the label is the select's
        super().__init__([UnfoldAdminSelectWidget(choices=choices), typed])

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0" if id_ else id_

    def decompress(self, value: Any) -> list[Any]:  # noqa: ANN401 - Django's signature
        """The field's `prepare_value` has already split the value."""
        return list(value or ("", ""))

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ANN401 - Django's signature
        return format_html(
            '<div class="mode-field">{}</div>', super().render(name, value, attrs, renderer)
        )
