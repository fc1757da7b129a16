"""Who may change what everybody shares."""

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin

from studies.engine.errors import EngineError


class PermissionMissingError(EngineError):
    """The user may not do this; the message names the permission that is missing."""

    code = "permission_missing"
    advice = "Ask an administrator of this installation for it."


def permission_require(user: AbstractBaseUser | None, permission: str) -> None:
    """Check a permission of Django's; None is who runs commands on the machine itself.

    Raises:
        PermissionMissingError: the user does not have it.
    """
    if user is None:
        return
    if not isinstance(user, PermissionsMixin) or not user.has_perm(permission):
        raise PermissionMissingError(f"This needs the permission {permission}.")
