"""The page that takes a reproduce.json; the API reads and builds it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studies.permissions import RUN_STUDIES, require


@require_safe
@login_required
def study_reproduce(request: HttpRequest) -> HttpResponse:
    """Ask for the file; the browser reads it."""
    require(request.user, RUN_STUDIES)
    return render(request, "studies/reproduce.html")
