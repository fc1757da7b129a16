"""Which presets use a prompt set: as long as one does, the set cannot be deleted."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from studies.models import Profile, PromptSet


class PromptUsePages(ModelAdmin):
    """Lists the presets of a prompt set and offers to delete only what none uses."""

    change_form_outer_after_template = "admin/studies/promptset/used_by.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        prompt_set: PromptSet | None = self.get_object(request, object_id)
        users = list(presets_using([prompt_set.slug])) if prompt_set else []
        own = {"uses_presets": users, "show_delete": not users}
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **own}
        )
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ANN401 - Django's type
        """Name every preset that uses a set: the database knows of the scorers only."""
        deleted, counts, missing, _ = super().get_deleted_objects(objs, request)
        users = [f"Preset: {preset}" for preset in presets_using([row.slug for row in objs])]
        advice = ["Let these presets use another prompt set first."] if users else []
        return deleted, counts, set() if users else missing, [*users, *advice]


def presets_using(slugs: Sequence[str]) -> QuerySet[Profile]:
    """The presets whose settings or scorers name one of these prompt sets."""
    return Profile.objects.filter(
        Q(settings__good_prompts__in=slugs)
        | Q(settings__bad_prompts__in=slugs)
        | Q(scorers__prompts__slug__in=slugs)
    ).distinct()
