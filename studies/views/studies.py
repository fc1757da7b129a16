"""The list of studies, the live page of one, and its figures."""

from typing import NamedTuple, Self
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies.models import Study
from studies.selectors import (
    HEAVY,
    benchmark_overview,
    dashboard,
    geometry_out,
    objectives,
    recent_models,
    rescore_choices,
    rescores_of,
    studies_visible_to,
    study_places,
    study_state,
    study_summary,
    tags_in_use,
    trial_rows,
)

PER_PAGE = 25
MAX_TEXT = 300  # characters, as the longest column that is searched
ACTIVE = (Study.Status.QUEUED, Study.Status.RUNNING, Study.Status.STOPPING)


class Filters(NamedTuple):
    """What narrows the list; what makes no sense counts as none."""

    status: str
    model: str
    tag: str
    q: str

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Read them from the address."""
        texts = {
            name: request.GET.get(name, "").strip()[:MAX_TEXT].replace("\x00", "")
            for name in cls._fields
        }
        texts["status"] = texts["status"] if texts["status"] in Study.Status.values else ""
        return cls(**texts)

    def apply(self, studies: QuerySet[Study]) -> QuerySet[Study]:
        """Keep the studies that fit every filter."""
        if self.status:
            studies = studies.filter(status=self.status)
        if self.model:
            studies = studies.filter(model__icontains=self.model)
        if self.tag:
            studies = studies.filter(tag_rows__tag=self.tag)
        if self.q:
            studies = studies.filter(Q(name__icontains=self.q) | Q(notes__icontains=self.q))
        return studies

    @property
    def query(self) -> str:
        """The filters as part of an address."""
        return urlencode({name: text for name, text in self._asdict().items() if text})


@require_safe
@login_required
def study_list(request: HttpRequest) -> HttpResponse:
    """Show what happens now, then the studies that the user may see, the newest first."""
    filters = Filters.of(request)
    visible = studies_visible_to(request.user).select_related("profile", "owner").defer(*HEAVY)
    # Only ids are skipped over: the rows carry large columns.
    ids = filters.apply(visible).values_list("pk", flat=True)
    page = Paginator(ids, PER_PAGE).get_page(request.GET.get("page"))
    studies = visible.filter(pk__in=list(page)).prefetch_related("tag_rows")
    places = study_places()
    is_start = page.number == 1 and not any(filters)
    context = {
        "page": page,
        "rows": [{"study": study, **study_summary(study, places)} for study in studies],
        "filters": filters,
        "statuses": Study.Status.choices,
        "models": recent_models(request.user),
        "tags": tags_in_use(request.user),
        "now": dashboard(request.user, places) if is_start else None,
        "any_active": any(study.status in ACTIVE for study in studies),
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
    trials, older = trial_rows(study, state["recommended"])
    context = {
        "study": study,
        "state": state,
        "trials": trials,
        "older": older,
        "rescores": {
            "choices": rescore_choices(study),
            "rescores": rescores_of(request.user, study),
        },
        "benchmarks": benchmark_overview(request.user, study),
        "geometry": geometry_out(study),
    }
    return render(request, "studies/detail.html", context)


@require_safe
@login_required
def study_analysis(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show the figures of a study; each is read from the API when it is looked at."""
    visible = studies_visible_to(request.user).select_related("profile", "owner")
    study = get_object_or_404(visible, pk=study_id)
    names = [row["name"] for row in objectives(study)]
    page_data = {
        "id": str(study.pk),
        "objectives": names,
        "n_ended": study.n_finished + study.n_failed + study.n_taken_over,
        "event_count": study.event_count,
    }
    context = {
        "study": study,
        "page_data": page_data,
        "has_trials": study.n_finished - study.n_pruned + study.n_taken_over > 0,
    }
    context["has_front"] = len(names) > 1
    return render(request, "studies/analysis.html", context)
