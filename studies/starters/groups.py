"""The groups that a new installation begins with."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission

from studies.permissions import ADMIN_GROUP, GROUPS

ADMIN_APPS = ("studies", "auth", "axes", "admin")


def group_add(name: str) -> None:
    """Make a group with its permissions; one of that name that is there stays as it is.

    The permissions exist once the migrations have run.
    """
    group, is_new = Group.objects.get_or_create(name=name)
    if is_new:
        group.permissions.set(_permissions(name))


def group_names() -> list[str]:
    return [*GROUPS, ADMIN_GROUP]


def _permissions(name: str) -> Iterable[Permission]:
    every = Permission.objects.filter(content_type__app_label__in=ADMIN_APPS)
    if name == ADMIN_GROUP:
        return every
    wanted = set(GROUPS[name])
    return [p for p in every.select_related("content_type") if _full_name(p) in wanted]


def _full_name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
