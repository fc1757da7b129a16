"""The page of a study's residual geometry."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies.selectors import geometry_out, studies_visible_to


@require_safe
@login_required
def study_geometry(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """Show the table, its plots and the projections, or how to have them measured."""
    study = get_object_or_404(studies_visible_to(request.user), pk=study_id)
    context = {"study": study, "geometry": geometry_out(study)}
    return render(request, "studies/geometry.html", context)
