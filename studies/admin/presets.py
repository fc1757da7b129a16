"""Presets with everything they set; the modules beside this one have their further pages."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import display

from studies.admin.pages import logged_in
from studies.admin.preset_compare import ComparePages
from studies.admin.preset_copies import CopyPages
from studies.admin.preset_files import FilePages
from studies.admin.preset_form import preset_form_class, setting_groups
from studies.admin.preset_preview import PreviewPages
from studies.admin.preset_uses import UsePages
from studies.admin.preset_versions import VersionPages
from studies.admin.scorer_form import ScorerFormSet, scorer_form_class
from studies.admin.spec_form import SPEC_COLUMNS, SpecForm
from studies.admin.spec_rows import OverrideFormSet, SpecFormSet
from studies.admin.widgets import CSS, modules
from studies.history import recorded
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
class ProfileAdmin(PreviewPages, UsePages, VersionPages, ComparePages, CopyPages, FilePages):
    inlines = (ParameterInline, OverrideInline, ScorerInline)
    prepopulated_fields = {"slug": ("name",)}
    list_display = (
        *("name", "slug", "parent", "method", "model", "n_specs", "n_studies", "active"),
    )
    list_filter = ("is_active", "method")
    list_select_related = ("parent",)
    search_fields = ("name", "slug", "description", "model")
    actions = ("compare_selected", "duplicate_selected", "activate", "deactivate")
    actions_list = ("compare", "import_toml")
    actions_detail = ("compare_this", "duplicate", "download_toml")
    change_form_outer_after_template = "admin/studies/profile/after_form.html"
    warn_unsaved_form = True

    class Media:
        css = {"all": CSS}
        js = modules("spec-rows", "resolve")

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

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form; what saving it changes becomes a version."""
        show = super().changeform_view
        if request.method != "POST":
            shown: HttpResponse = show(request, object_id, form_url, extra_context)
            return shown
        comment = "Changed in the admin" if object_id else "Created in the admin"
        with recorded(logged_in(request), comment):
            saved: HttpResponse = show(request, object_id, form_url, extra_context)
        return saved

    def _may_edit(self, request: HttpRequest, obj: Profile | None) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def _method(self, request: HttpRequest, obj: Profile | None) -> str:
        typed = request.POST.get("method") or (request.GET.get("method") if obj is None else None)
        return typed or (obj.method if obj else METHOD_DEFAULT)
