"""What a user may do beyond looking: the one rule for pages, API and admin."""

from collections.abc import Mapping
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied

User = AbstractBaseUser | AnonymousUser | None

RUN_STUDIES: Final = "studies.add_study"  # create, start, stop, resume, extend, and their jobs
ENTER_ADMIN: Final = "studies.view_profile"
_SHARED: Final[Mapping[str, str]] = {
    "profile": "presets",
    "parameterspec": "parameters of presets",
    "scorerspec": "scorers of presets",
    "modeloverride": "model overrides",
    "promptset": "prompt sets",
}
VERBS: Final = ("add", "change", "delete")
# Django's permissions by group; each group may do what the one before it may.
VIEWER: Final = tuple(f"studies.view_{name}" for name in _SHARED)
OPERATOR: Final = (*VIEWER, RUN_STUDIES)
EDITOR: Final = (*OPERATOR, *(f"studies.{verb}_{name}" for name in _SHARED for verb in VERBS))
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Viewer": VIEWER,
    "Operator": OPERATOR,
    "Editor": EDITOR,
}
ADMIN_GROUP: Final = "Admin"  # may do all that there is to do


class PermissionMissingError(PermissionDenied):
    """A user who may not do something, with the permission that would let them."""

    def __init__(self, permission: str) -> None:
        self.permission = permission
        super().__init__(
            f"You may not {_deed(permission)}: that needs the permission {permission}, which "
            f"the group {_first_group(permission)} has. An administrator can add you to it."
        )


def may(user: User, permission: str) -> bool:
    """Say whether a user has a permission; nobody (None, anonymous, inactive) has any."""
    return user is not None and bool(getattr(user, "has_perm", lambda _: False)(permission))


def require(user: User, permission: str) -> None:
    """Refuse a user who lacks a permission.

    Raises:
        PermissionMissingError: says which one.
    """
    if not may(user, permission):
        raise PermissionMissingError(permission)


def may_enter_admin(user: User) -> bool:
    """Let in staff, and whoever may look at presets: each then sees what they may see."""
    if user is None or not user.is_active:
        return False
    return bool(getattr(user, "is_staff", False)) or may(user, ENTER_ADMIN)


def _deed(permission: str) -> str:
    if permission == RUN_STUDIES:
        return "run studies"
    verb, _, name = permission.rpartition(".")[2].partition("_")
    return f"{verb} {_SHARED.get(name, name)}"


def _first_group(permission: str) -> str:
    return next((name for name, has in GROUPS.items() if permission in has), ADMIN_GROUP)
