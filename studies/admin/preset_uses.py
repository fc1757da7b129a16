"""What uses a preset, and what that forbids."""

from typing import Any, Final

from django.contrib import messages
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from studies.admin.pages import PresetPages, logged_in
from studies.commands import profile_delete, profile_update
from studies.engine.errors import EngineError
from studies.models import ParameterSpec, Profile, Study
from studies.selectors import studies_visible_to

LISTED: Final = 20  # studies on the change page


class UsePages(PresetPages):
    """Counts and lists the studies of a preset; what is in use is deactivated, not deleted."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        queryset: QuerySet[Profile] = super().get_queryset(request)
        return queryset.annotate(
            spec_count=_count(ParameterSpec.objects.all()),
            study_count=_count(Study.objects.all()),
        )

    @display(description="Parameters set", ordering="spec_count")
    def n_specs(self, profile: Profile) -> int:
        return int(getattr(profile, "spec_count", 0))

    @display(description="Studies", ordering="study_count")
    def n_studies(self, profile: Profile) -> SafeString | int:
        count = int(getattr(profile, "study_count", 0))
        url = reverse("admin:studies_profile_change", args=[profile.pk])
        link = '<a class="text-primary-600 dark:text-primary-500" href="{}#used-by">{}</a>'
        return format_html(link, url, count) if count else 0

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        profile: Profile | None = self.get_object(request, object_id)
        uses = uses_context(request, profile) if profile else {}
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **uses}
        )
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ANN401 - Django's type
        """Name what uses a preset, as far as the user may see it, and what to do instead."""
        deleted, counts, missing, _ = super().get_deleted_objects(objs, request)
        profiles = [row for row in objs if isinstance(row, Profile)]
        protected = [line for profile in profiles for line in _use_lines(request, profile)]
        return deleted, counts, set() if protected else missing, protected

    def delete_model(self, request: HttpRequest, obj: Profile) -> None:
        profile_delete(logged_in(request), obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        for profile in queryset:
            profile_delete(logged_in(request), profile)

    @action(description="Deactivate selected presets", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        self._offer(request, queryset, is_active=False)

    @action(description="Activate selected presets", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        self._offer(request, queryset, is_active=True)

    def _offer(
        self, request: HttpRequest, queryset: QuerySet[Profile], *, is_active: bool
    ) -> None:
        word = "offered for new studies again" if is_active else "no longer offered"
        for profile in queryset:
            try:
                profile_update(logged_in(request), profile, {"is_active": is_active})
            except EngineError as error:
                self.message_user(request, f"{profile}: {error}", messages.WARNING)
            else:
                self.message_user(request, f"{profile} is {word}.", messages.SUCCESS)


def uses_context(request: HttpRequest, profile: Profile) -> dict[str, Any]:
    """The studies and presets that refer to a preset, for its change page."""
    visible = studies_visible_to(request.user).filter(profile=profile)
    count, n_visible = profile.studies.count(), visible.count()
    children = list(profile.children.all())
    return {
        "uses_count": count,
        "uses_studies": visible.defer("snapshot", "facts", "baseline")[:LISTED],
        "uses_more": max(0, n_visible - LISTED),
        "uses_hidden": count - n_visible,
        "uses_children": children,
        "show_delete": not (count or children),
    }


def _use_lines(request: HttpRequest, profile: Profile) -> list[str]:
    uses = uses_context(request, profile)
    lines = [f"Study: {study}" for study in uses["uses_studies"]]
    further = uses["uses_more"] + uses["uses_hidden"]
    lines += [f"{further} further studies"] if further else []
    lines += [f"Preset based on it: {child}" for child in uses["uses_children"]]
    advice = f"Deactivate {profile} instead: it is then no longer offered for new studies."
    return [*lines, advice] if lines else []


def _count(rows: QuerySet[Any]) -> Coalesce:
    """How many of these rows belong to each preset, without a join for every other count."""
    own = rows.order_by().filter(profile=OuterRef("pk")).values("profile")
    counted = own.annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
