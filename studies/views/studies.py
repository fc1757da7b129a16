"""The list of studies and the live page of one."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies.models import Study
from studies.selectors import (
    recent_models,
    studies_visible_to,
    study_places,
    study_state,
    study_summary,
    trial_rows,
)

PER_PAGE = 25
MAX_MODEL = 300  # characters, as in the column


@require_safe
@login_required
def study_list(request: HttpRequest) -> HttpResponse:
    """List the studies that the user may see, the newest first."""
    visible = studies_visible_to(request.user)
    status, model = _filters(request)
    page = Paginator(_filtered(visible, status, model), PER_PAGE).get_page(request.GET.get("page"))
    places = study_places()
    context = {
        "page": page,
        "rows": [{"study": study, **study_summary(study, places)} for study in page],
        "status": status,
        "model": model,
        "statuses": Study.Status.choices,
        "models": recent_models(request.user),
        "is_filtered": bool(status or model),
        "any_active": any(study.status in ACTIVE for study in page),
    }
    return render(request, "studies/list.html", context)


@require_safe
@login_required
def study_detail(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show a study as the database has it; the page then follows its events."""
    visible = studies_visible_to(request.user).select_related("profile", "owner")
    study = get_object_or_404(visible, pk=study_id)
    # The event number comes with the study, so whatever is read later is at least as new.
    state = study_state(study)
    context = {"study": study, "state": state, "trials": trial_rows(study)}
    return render(request, "studies/detail.html", context)


ACTIVE = (Study.Status.QUEUED, Study.Status.RUNNING, Study.Status.STOPPING)


def _filters(request: HttpRequest) -> tuple[str, str]:
    """The filters of the list; what makes no sense counts as none."""
    status = request.GET.get("status", "")
    model = request.GET.get("model", "").strip()[:MAX_MODEL].replace("\x00", "")
    return (status if status in Study.Status.values else ""), model


def _filtered(studies: QuerySet[Study], status: str, model: str) -> QuerySet[Study]:
    if status:
        studies = studies.filter(status=status)
    if model:
        studies = studies.filter(model__icontains=model)
    heavy = ("snapshot", "facts", "baseline")
    return studies.select_related("profile", "owner").defer(*heavy)
