"""The queue: what workers do and what waits for them."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies.selectors import queue_rows, workers_seen


@require_safe
@login_required
def work_queue(request: HttpRequest) -> HttpResponse:
    """Show workers and jobs; the page reads itself again every few seconds."""
    rows = [_with_times(row) for row in queue_rows(request.user)]
    active = [row for row in rows if row["status"] in ("running", "queued")]
    ended = [row for row in rows if row["status"] not in ("running", "queued")]
    context = {"workers": workers_seen(), "active": active, "ended": ended}
    return render(request, "studies/queue.html", context)


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    names = ("created_at", "started_at", "finished_at")
    return row | {n: row[n] and datetime.fromisoformat(row[n]) for n in names}
