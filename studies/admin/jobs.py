"""The queue and the workers, to look at."""

from django.contrib import admin
from unfold.decorators import display

from studies.admin.readonly import RecordAdmin
from studies.models import Export, Job, Scoring, Worker

JOB_COLOURS = {"running": "info", "done": "success", "failed": "danger", "canceled": "warning"}


@admin.register(Job)
class JobAdmin(RecordAdmin):
    list_display = (
        "study",
        "kind",
        "state",
        "priority",
        "worker_id",
        "attempt",
        "created_at",
        "lease_until",
    )
    list_filter = ("status", "kind")
    list_select_related = ("study",)
    search_fields = ("study__name", "worker_id")
    list_per_page = 50
    show_full_result_count = False

    @display(description="Status", ordering="status", label=JOB_COLOURS)
    def state(self, job: Job) -> tuple[str, str]:
        return job.status, job.get_status_display()


@admin.register(Worker)
class WorkerAdmin(RecordAdmin):
    list_display = ("id", "state", "device", "seen_at", "started_at")
    list_filter = ("state",)
    search_fields = ("id", "device")
    ordering = ("-seen_at",)


@admin.register(Export)
class ExportAdmin(RecordAdmin):
    list_display = ("study", "trial", "strategy", "size", "created_at", "ready_at")
    list_filter = ("strategy",)
    list_select_related = ("study", "trial")
    search_fields = ("study__name",)
    list_per_page = 50
    show_full_result_count = False


@admin.register(Scoring)
class ScoringAdmin(RecordAdmin):
    list_display = ("study", "original", "model", "owner", "created_at")
    list_select_related = ("study", "owner")
    search_fields = ("study__name", "original", "model")
    list_per_page = 50
    show_full_result_count = False
