"""What the pages of our own beside a preset's form have in common."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from studies.models import Profile


class PresetPages(ModelAdmin):
    """Finds the preset of a page, and shows a template in the theme's frame."""

    def preset(self, request: HttpRequest, object_id: str) -> Profile:
        """The preset of an address, for those who may look at it.

        Raises:
            Http404: there is none.
            PermissionDenied: the user may not look at presets.
        """
        profile: Profile | None = self.get_object(request, object_id)
        if profile is None:
            raise Http404
        if not self.has_view_permission(request, profile):
            raise PermissionDenied
        return profile

    def has_create_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """The right to add, in the form in which the theme asks a button of a preset's page."""
        return bool(self.has_add_permission(request))

    def page(
        self,
        request: HttpRequest,
        name: str,
        title: str,
        **context: Any,  # noqa: ANN401 - for the template
    ) -> TemplateResponse:
        """Show `templates/admin/studies/profile/<name>.html`."""
        frame = self.admin_site.each_context(request)
        own = {"opts": self.opts, "title": title, "media": self.media, "subtitle": None}
        template = f"admin/studies/profile/{name}.html"
        return TemplateResponse(request, template, {**frame, **own, **context})


def logged_in(request: HttpRequest) -> AbstractBaseUser:
    """The user of a request that the admin's door has let in."""
    assert isinstance(request.user, AbstractBaseUser)
    return request.user
