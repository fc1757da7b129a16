"""Presets as files in the admin: upload and download."""

from pathlib import PurePath
from typing import Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from studies.admin.pages import PresetPages, logged_in
from studies.commands import ImportResult, profile_import, profile_toml
from studies.engine.errors import EngineError, Problem

TITLE: Final = "Import a preset"
MAX_BYTES: Final = 1024 * 1024  # what is read of a file; the import itself refuses less


class ImportForm(forms.Form):
    """A TOML file, and whether it may take the place of a preset that is there."""

    file = forms.FileField(
        label="TOML file",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".toml,text/plain"}),
        help_text="A file of this project, or a configuration file of the reference tool.",
    )
    replace = forms.BooleanField(
        required=False,
        label="Replace the preset of that name",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Otherwise a file whose preset is there already is refused. "
        "What is replaced stays in its history.",
    )


class FilePages(PresetPages):
    """The import page of the list, and the downloads."""

    @action(
        description="Import TOML", icon="upload_file", url_path="import", permissions=["create"]
    )
    def import_toml(self, request: HttpRequest) -> HttpResponse:
        """Read an uploaded file; say all that is wrong with it, or what it became."""
        form = ImportForm(request.POST or None, request.FILES or None)
        problems: list[Problem] = []
        if form.is_valid():
            if form.cleaned_data["replace"] and not self.has_change_permission(request):
                raise PermissionDenied
            try:
                return self._import(request, form)
            except EngineError as error:
                problems = list(error.problems)
        return self.page(request, "import", TITLE, form=form, problems=problems)

    @action(description="Download TOML", icon="download", url_path="toml", permissions=["view"])
    def download_toml(self, request: HttpRequest, object_id: str) -> HttpResponse:
        profile = self.preset(request, object_id)
        try:
            text = profile_toml(profile)
        except EngineError as error:
            self.message_user(request, f"It cannot be written: {error}", messages.ERROR)
            return redirect(reverse("admin:studies_profile_change", args=[profile.pk]))
        disposition = f'attachment; filename="{profile.slug}.toml"'
        return HttpResponse(
            text,
            content_type="application/toml",
            headers={"Content-Disposition": disposition},
        )

    def _import(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        result: ImportResult = profile_import(
            logged_in(request),
            file.read(MAX_BYTES),
            replace=form.cleaned_data["replace"],
            fallback_name=PurePath(file.name).stem,
        )
        self.log_change(request, result.profile, f"Imported from {file.name}")
        if result.notes:
            title = f"Imported: {result.profile.name}"
            return self.page(
                request, "imported", title, original=result.profile, notes=result.notes
            )
        self.message_user(request, f"{file.name} was imported.", messages.SUCCESS)
        return redirect(reverse("admin:studies_profile_change", args=[result.profile.pk]))
