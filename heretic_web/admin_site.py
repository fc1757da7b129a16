"""The admin's door: open to staff, and to whoever may look at presets."""

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from studies.permissions import may_enter_admin


class LoginForm(AuthenticationForm):
    """The theme's login, for the same people as the door."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        if not may_enter_admin(user):
            raise ValidationError(
                "This account may not look at presets; an administrator can add it to a group.",
                code="no_admin",
            )


class Site(UnfoldAdminSite):
    """The admin; a page inside shows what its user's permissions allow."""

    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_admin(request.user)
