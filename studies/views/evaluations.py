"""Finished models beside their bases: start a comparison, see how others came out."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies import selectors

N_SHOWN = 20


@require_safe
@login_required
def evaluations(request: HttpRequest) -> HttpResponse:
    """Show the newest comparisons; the page starts others by the API."""
    rows = selectors.evaluations_of(request.user)[:N_SHOWN]
    page_data = {
        "profiles": list(selectors.profiles_active().values("slug", "name")),
        "exports": selectors.exports_to_score(request.user),
        "evaluations": [selectors.scoring_out(row) for row in rows],
        "shown": N_SHOWN,
    }
    context = {"page_data": page_data, "models": selectors.recent_models(request.user)}
    return render(request, "studies/evaluations.html", context)
