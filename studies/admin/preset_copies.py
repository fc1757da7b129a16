"""Copying a preset: one under a chosen name, or several at once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from studies.admin.pages import PresetPages, logged_in
from studies.admin.spec_form import sentence
from studies.commands import profile_copy_names, profile_duplicate
from studies.engine.errors import EngineError
from studies.models import Profile


class CopyForm(forms.Form):
    """What a copy is called."""

    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    slug = forms.CharField(
        label="Name in the API", max_length=60, widget=UnfoldAdminTextInputWidget
    )


class CopyPages(PresetPages):
    """The button and the list action that copy presets."""

    @action(
        description="Duplicate", icon="content_copy", url_path="duplicate", permissions=["create"]
    )
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the copy's names, then copy everything that the preset sets."""
        profile = self.preset(request, object_id)
        form = CopyForm(request.POST or None, initial=profile_copy_names(profile))
        if form.is_valid() and (copied := self._copy(request, profile, form)):
            text = f"This is the copy of {profile.name}; change what shall differ."
            self.message_user(request, text, messages.SUCCESS)
            return redirect(reverse("admin:studies_profile_change", args=[copied.pk]))
        title = f"Duplicate {profile.name}"
        return self.page(request, "duplicate", title, original=profile, form=form)

    @action(description="Duplicate selected presets", permissions=["create"])
    def duplicate_selected(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        for profile in queryset:
            copied = profile_duplicate(logged_in(request), profile)
            self.log_addition(request, copied, f"Copied from {profile}")
            self.message_user(request, f"{profile} was copied: {copied}.", messages.SUCCESS)

    def _copy(self, request: HttpRequest, profile: Profile, form: CopyForm) -> Profile | None:
        names: dict[str, Any] = form.cleaned_data
        try:
            copied = profile_duplicate(logged_in(request), profile, names)
        except EngineError as error:
            for problem in error.problems:
                known = problem.place in form.fields
                text = sentence(problem.message) if known else str(problem)
                form.add_error(problem.place if known else None, text)
            return None
        self.log_addition(request, copied, f"Copied from {profile}")
        return copied
