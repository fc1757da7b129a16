"""The table of what a preset resolves to, as saved or as its form stands."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.forms import BaseForm, all_valid
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from studies.admin.pages import PresetPages
from studies.admin.resolved import resolved_context
from studies.models import Profile

TABLES = "admin/studies/profile/resolved_tables.html"


class PreviewPages(PresetPages):
    """The table alone, for the script of the change page."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resolve_view)
        name = "studies_profile_resolve"
        return [path("<int:profile_id>/resolve/", view, name=name), *super().get_urls()]

    def resolve_view(self, request: HttpRequest, profile_id: int) -> HttpResponse:
        """Resolve the preset as saved (GET), or as the posted form would make it."""
        profile = self.preset(request, str(profile_id))
        model = request.GET.get("model", "")
        if request.method == "POST":
            if not self.has_change_permission(request, profile):
                raise PermissionDenied
            context = self._unsaved_context(request, profile, model)
        else:
            context = resolved_context(profile, model)
        return render(request, TABLES, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        profile: Profile | None = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if profile and self.has_view_permission(request, profile):
            shown = resolved_context(profile, request.GET.get("model", profile.model))
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return response

    def _unsaved_context(
        self, request: HttpRequest, profile: Profile, model: str
    ) -> dict[str, Any]:
        """Save the form, resolve, and undo: the table is exactly what saving would give."""
        form = self.get_form(request, profile, change=True)(request.POST, instance=profile)
        form_is_valid = form.is_valid()
        formsets, _ = self._create_formsets(request, form.instance, change=True)
        if not (all_valid(formsets) and form_is_valid):
            wrong = _error_count(form, *(one for formset in formsets for one in formset.forms))
            return {"resolved_model": model, "resolved_errors": wrong}
        try:
            with transaction.atomic():
                form.save()
                for formset in formsets:
                    formset.save()
                context = resolved_context(profile, model)
                transaction.set_rollback(True)
        except IntegrityError:  # it was saved since: the rows that the form adds are there
            return resolved_context(profile, model)
        return context


def _error_count(*forms: BaseForm) -> int:
    return max(1, sum(len(form.errors) for form in forms))
