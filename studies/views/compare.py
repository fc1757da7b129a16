"""Several studies side by side."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies.models import Study
from studies.selectors import comparison, studies_visible_to

MOST = 8  # studies: more could not be told apart in one chart


@require_safe
@login_required
def study_compare(request: HttpRequest) -> HttpResponse:
    """Show the studies that `?studies=ID,ID,…` names, in that order."""
    wanted = _ids(request)
    studies = _visible(request, wanted[:MOST])
    compared = comparison(studies)
    context = {
        **compared,
        "studies": studies,
        "n_left_out": len(wanted) - len(studies),
        "most": MOST,
        "page_data": {"fronts": compared["fronts"], "names": compared["score_names"]},
    }
    return render(request, "studies/compare.html", context)


def _ids(request: HttpRequest) -> list[UUID]:
    """Read the ids of the address; a form repeats the name, a link separates by commas.

    Raises:
        Http404: one is no id.
    """
    texts = ",".join(request.GET.getlist("studies")).split(",")
    try:
        return list(dict.fromkeys(UUID(text.strip()) for text in texts if text.strip()))
    except ValueError as error:
        raise Http404 from error


def _visible(request: HttpRequest, ids: list[UUID]) -> list[Study]:
    """Fetch the studies in the order of the ids.

    Raises:
        Http404: one is not there, or not for this user's eyes.
    """
    heavy = ("facts", "baseline", "progress")
    studies = studies_visible_to(request.user).select_related("profile", "owner").defer(*heavy)
    found = studies.in_bulk(ids)
    if len(found) < len(ids):
        raise Http404
    return [found[study_id] for study_id in ids]
