"""The page that compares two presets."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from studies.admin.pages import PresetPages
from studies.admin.preset_comparison import Section, compared
from studies.engine.errors import EngineError
from studies.models import Profile

TITLE = "Compare presets"


class CompareForm(forms.Form):
    """Which presets, for which model, and how much of them."""

    left = forms.ModelChoiceField(
        Profile.objects.all(), to_field_name="slug", widget=UnfoldAdminSelectWidget
    )
    right = forms.ModelChoiceField(
        Profile.objects.all(),
        label="With",
        to_field_name="slug",
        widget=UnfoldAdminSelectWidget,
    )
    model = forms.CharField(
        required=False,
        max_length=300,
        label="For the model",
        widget=UnfoldAdminTextInputWidget({"placeholder": "any", "spellcheck": "false"}),
    )
    differing = forms.BooleanField(
        required=False, label="Only differences", widget=UnfoldBooleanSwitchWidget
    )


class ComparePages(PresetPages):
    """The comparison, its button and its list action."""

    @action(description=TITLE, icon="compare_arrows", url_path="compare", permissions=["view"])
    def compare(self, request: HttpRequest) -> HttpResponse:
        """Show two presets side by side once both are chosen."""
        form = CompareForm(request.GET if "left" in request.GET else None)
        context: dict[str, Any] = {"form": form, "sections": None, "problems": []}
        if form.is_valid():
            given = form.cleaned_data
            try:
                sections = compared(given["left"], given["right"], given["model"].strip())
                context |= {"sections": _shown(sections, only_differing=given["differing"])}
            except EngineError as error:
                context |= {"problems": [str(problem) for problem in error.problems]}
            context |= {"left": given["left"], "right": given["right"]}
        return self.page(request, "compare", TITLE, **context)

    @action(
        description="Compare …", icon="compare_arrows", url_path="compare", permissions=["view"]
    )
    def compare_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the comparison with this preset on the left, its base on the right."""
        profile = self.preset(request, object_id)
        other = profile.parent or Profile.objects.exclude(pk=profile.pk).first() or profile
        return _to_comparison(profile, other)

    @action(description="Compare two selected presets", permissions=["view"])
    def compare_selected(
        self, request: HttpRequest, queryset: QuerySet[Profile]
    ) -> HttpResponse | None:
        chosen = list(queryset[:3])
        if len(chosen) == 2:
            return _to_comparison(*chosen)
        self.message_user(request, "Choose exactly two presets to compare.", messages.WARNING)
        return None


def _to_comparison(left: Profile, right: Profile) -> HttpResponse:
    query = urlencode({"left": left.slug, "right": right.slug})
    return redirect(f"{reverse('admin:studies_profile_compare')}?{query}")


def _shown(sections: list[Section], *, only_differing: bool) -> list[dict[str, Any]]:
    return [
        {
            "title": section.title,
            "n_different": section.n_different,
            "rows": [row for row in section.rows if row.differs or not only_differing],
        }
        for section in sections
    ]
