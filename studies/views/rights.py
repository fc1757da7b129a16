"""What the pages hide from those who may not do it."""

from django.http import HttpRequest

from studies.permissions import RUN_STUDIES, may, may_enter_admin


def rights(request: HttpRequest) -> dict[str, bool]:
    """Template context of every page; a refused request may have no user yet."""
    user = getattr(request, "user", None)
    return {
        "may_run_studies": may(user, RUN_STUDIES),
        "may_enter_admin": may_enter_admin(user),
    }
