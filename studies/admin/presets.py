"""Presets with everything they set, and the table of what that resolves to."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import display

from studies.admin.preset_form import preset_form_class, setting_groups
from studies.admin.resolved import resolved_context
from studies.admin.scorer_form import ScorerFormSet, scorer_form_class
from studies.admin.spec_form import SPEC_COLUMNS, SpecForm
from studies.admin.spec_rows import OverrideFormSet, SpecFormSet
from studies.admin.widgets import CSS, modules
from studies.models import ModelOverride, ParameterSpec, Profile, ScorerSpec
from studies.models.parameters import METHOD_DEFAULT

BASICS = ("name", "slug", "description", "parent", "method", "model", "is_active")


class ParameterInline(TabularInline):
    model = ParameterSpec
    form = SpecForm
    formset = SpecFormSet
    fields = SPEC_COLUMNS
    extra = 0
    tab = hide_title = show_count = True


class OverrideInline(TabularInline):
    model = ModelOverride
    form = SpecForm
    formset = OverrideFormSet
    fields = ("pattern", *SPEC_COLUMNS)
    extra = 0
    tab = hide_title = show_count = True
    verbose_name_plural = "Model overrides"


class ScorerInline(StackedInline):
    model = ScorerSpec
    form = scorer_form_class()
    formset = ScorerFormSet
    fields = ("scorer", "optimization", "prompts", "name", *scorer_form_class().option_fields)
    extra = 0
    tab = show_count = True
    ordering_field = "position"
    hide_ordering_field = True


@admin.register(Profile)
class ProfileAdmin(ModelAdmin):
    inlines = (ParameterInline, OverrideInline, ScorerInline)
    prepopulated_fields = {"slug": ("name",)}
    list_display = ("name", "slug", "parent", "method", "model", "n_specs", "active")
    list_filter = ("is_active", "method")
    list_select_related = ("parent",)
    search_fields = ("name", "slug", "description", "model")
    change_form_outer_after_template = "admin/studies/profile/resolved.html"
    warn_unsaved_form = True

    class Media:
        css = {"all": CSS}
        js = modules("spec-rows", "resolve")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        queryset: QuerySet[Profile] = super().get_queryset(request)
        return queryset.annotate(spec_count=Count("specs"))

    @display(description="Parameters set", ordering="spec_count")
    def n_specs(self, profile: Profile) -> int:
        return int(getattr(profile, "spec_count", 0))

    @display(description="Offered", boolean=True, ordering="is_active")
    def active(self, profile: Profile) -> bool:
        return profile.is_active

    def get_fieldsets(self, request: HttpRequest, obj: Profile | None = None) -> Any:  # noqa: ANN401 - Django's type
        """The basics, and the settings of the method in tabs."""
        if not self._may_edit(request, obj):
            return [(None, {"fields": [*BASICS, "settings"]})]
        groups = setting_groups(self._method(request, obj))
        tabs = [(head, {"classes": ["tab"], "fields": names}) for head, names in groups]
        return [(None, {"fields": BASICS}), *tabs]

    def get_form(
        self,
        request: HttpRequest,
        obj: Profile | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,  # noqa: ANN401 - Django's signature
    ) -> type[ModelForm[Profile]]:
        """The form with the method's settings, for those who may edit."""
        if self._may_edit(request, obj):
            own = preset_form_class(self._method(request, obj), obj)
            kwargs |= {"form": own, "fields": BASICS}
        form: type[ModelForm[Profile]] = super().get_form(request, obj, change, **kwargs)
        return form

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.resolve_view)
        name = "studies_profile_resolve"
        return [path("<int:profile_id>/resolve/", view, name=name), *super().get_urls()]

    def resolve_view(self, request: HttpRequest, profile_id: int) -> HttpResponse:
        """The table alone, for the script of the change page."""
        profile = get_object_or_404(self.get_queryset(request), pk=profile_id)
        if not self.has_view_permission(request, profile):
            raise PermissionDenied
        context = resolved_context(profile, request.GET.get("model", ""))
        return render(request, "admin/studies/profile/resolved_tables.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        shown = {}
        if profile and self.has_view_permission(request, profile):
            shown = resolved_context(profile, request.GET.get("model", profile.model))
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ANN401 - Django's signature
        """Name what uses a preset rather than the permission to delete that, too."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set() if protected else missing, protected

    def _may_edit(self, request: HttpRequest, obj: Profile | None) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def _method(self, request: HttpRequest, obj: Profile | None) -> str:
        return request.POST.get("method") or (obj.method if obj else METHOD_DEFAULT)
