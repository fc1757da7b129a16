"""Studies as records; stop and resume are the commands of the page."""

from collections.abc import Callable

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from studies import commands
from studies.admin.readonly import RecordAdmin
from studies.engine.errors import EngineError
from studies.lifecycle import StatusConflictError
from studies.models import Study

STATUS_COLOURS = {
    "running": "info",
    "stopping": "warning",
    "completed": "success",
    "failed": "danger",
}


@admin.register(Study)
class StudyAdmin(RecordAdmin):
    list_display = (
        "name",
        "state",
        "model",
        "progress_shown",
        "owner",
        "profile",
        "created_at",
        "page",
    )
    list_filter = ("status", "profile", ("owner", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("owner", "profile")
    search_fields = ("name", "model", "owner__username")
    date_hierarchy = None
    ordering = ("-created_at", "-id")
    list_per_page = 50
    show_full_result_count = False
    actions = ("stop", "resume")
    fieldsets = (
        (None, {"fields": ("page", "name", "model", "profile", "owner")}),
        (
            "State",
            {
                "fields": (
                    "status",
                    "progress_shown",
                    "n_pruned",
                    "n_failed",
                    "error",
                    "error_advice",
                )
            },
        ),
        ("Times", {"fields": ("created_at", "started_at", "finished_at", "status_changed_at")}),
    )

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def state(self, study: Study) -> tuple[str, str]:
        return study.status, study.get_status_display()

    @display(description="Trials")
    def progress_shown(self, study: Study) -> str:
        return f"{study.n_finished} of {study.n_trials}"

    @display(description="Live page")
    def page(self, study: Study) -> SafeString:
        url = reverse("study-detail", args=[study.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">Open</a>', url
        )

    @action(description="Stop selected studies", permissions=["operate"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Study]) -> None:
        self._command(request, queryset, commands.study_stop, "told to stop")

    @action(description="Resume selected studies", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Study]) -> None:
        self._command(request, queryset, commands.study_resume, "queued again")

    def _command(
        self,
        request: HttpRequest,
        queryset: QuerySet[Study],
        command: Callable[[Study], Study],
        done: str,
    ) -> None:
        """Run a command on each study; what does not fit a study's status becomes a message."""
        n_done = 0
        for study in queryset:
            try:
                command(study)
                n_done += 1
            except (StatusConflictError, EngineError) as error:
                self.message_user(request, f"{study}: {error}", messages.WARNING)
        if n_done:
            noun = "study was" if n_done == 1 else "studies were"
            self.message_user(request, f"{n_done} {noun} {done}.", messages.SUCCESS)
