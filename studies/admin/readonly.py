"""Admin of records that only the program writes."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from studies.permissions import RUN_STUDIES, may


class RecordAdmin(ModelAdmin):
    """Rows to look at; whoever may run studies may run the actions, and nothing else."""

    actions_selection_counter = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401 - Django's signature
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401 - Django's signature
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Say whether the user may run the actions on these records."""
        return may(request.user, RUN_STUDIES)
