"""The versions of a preset: what each one changed, and bringing one back."""

from itertools import pairwise
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from reversion.models import Version

from studies.admin.contents_lines import changes
from studies.admin.pages import PresetPages, logged_in
from studies.commands import profile_restore
from studies.contents import contents_of
from studies.engine.errors import EngineError
from studies.history import PresetVersion, version_read, versions_of
from studies.models import Profile

PER_PAGE: Final = 20  # versions


class VersionPages(PresetPages):
    """The history page of presets and the page that asks before a version is restored."""

    def get_urls(self) -> list[URLPattern]:
        restore = path(
            "<int:object_id>/history/<int:version_id>/restore/",
            self.admin_site.admin_view(self.restore_view),
            name="studies_profile_restore",
        )
        return [restore, *super().get_urls()]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show each version with what it changed, the newest first."""
        profile = self.preset(request, object_id)
        pages = Paginator(versions_of(profile), PER_PAGE)
        page = pages.get_page(request.GET.get("page"))
        return self.page(
            request,
            "history",
            f"History of {profile.name}",
            original=profile,
            page=page,
            rows=_rows(page),
            may_restore=self.has_change_permission(request, profile),
        )

    def restore_view(self, request: HttpRequest, object_id: int, version_id: int) -> HttpResponse:
        """Show what a restored version would change, and restore it once that is confirmed."""
        profile = self.preset(request, str(object_id))
        if not self.has_change_permission(request, profile):
            raise PermissionDenied
        version = version_read(get_object_or_404(versions_of(profile), pk=version_id))
        problems: list[str] = []
        if request.method == "POST":
            try:
                return self._restore(request, profile, version)
            except EngineError as error:
                problems = [str(problem) for problem in error.problems]
        return self.page(
            request,
            "restore",
            f"Restore {profile.name}",
            original=profile,
            version=version,
            changes=changes(contents_of(profile), version.contents),
            problems=problems,
        )

    def _restore(
        self, request: HttpRequest, profile: Profile, version: PresetVersion
    ) -> HttpResponse:
        restored = profile_restore(logged_in(request), profile, version)
        self.log_change(request, restored, f"Restored the version of {version.at:%Y-%m-%d %H:%M}")
        text = "The version was restored, as a new version."
        self.message_user(request, text, messages.SUCCESS)
        return redirect(reverse("admin:studies_profile_history", args=[profile.pk]))


def _rows(page: Page[Version]) -> list[dict[str, Any]]:
    """The versions of a page, each with what it changed against the one before it."""
    stored = list(page)
    if not stored:
        return []
    older = versions_of(stored[-1].object).filter(pk__lt=stored[-1].pk).first()
    read = [version_read(one) for one in [*stored, *([older] if older else [])]]
    rows: list[dict[str, Any]] = [
        {"version": new, "changes": changes(old.contents, new.contents)}
        for new, old in pairwise(read)
    ]
    if older is None:
        rows.append({"version": read[-1], "changes": None})  # the first of all
    if page.number == 1:
        rows[0]["is_current"] = True
    return rows
