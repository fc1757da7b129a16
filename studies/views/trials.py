"""The page of one trial, for links that others can open."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies import selectors
from studies.models import Trial
from studies.parameters import value_display
from studies.permissions import RUN_STUDIES, may


@require_safe
@login_required
def trial_detail(request: HttpRequest, study_id: UUID, number: int) -> HttpResponse:
    """Show a trial's scores, parameters and kernel; its responses load in the browser."""
    study = get_object_or_404(selectors.studies_visible_to(request.user), pk=study_id)
    try:
        trial = selectors.trial_detail(study, number)
    except Trial.DoesNotExist as error:
        raise Http404 from error
    originals = {score["name"]: score for score in study.baseline}
    context = {
        "study": study,
        "trial": trial,
        "source_label": Trial.Source(trial["source"]).label.lower(),
        "others": selectors.studies_open(request.user, study),
        "scores": [(score, originals.get(score["name"])) for score in trial["scores"]],
        "parameters": list(_flat(trial["parameters"])),
        "details": [(name, value_display(one)) for name, one in trial["details"].items()],
        "page_data": {
            "study": str(study.pk),
            "number": number,
            "kernel": trial["kernel"],
            "may_run": may(request.user, RUN_STUDIES),
            "complete": trial["state"] == Trial.State.COMPLETE,
            "strategies": selectors.export_strategies(),
            "exports": [
                selectors.export_out(export)
                for export in selectors.exports_of(request.user, study, number)
            ],
        },
    }
    return render(request, "studies/trial.html", context)


def _flat(parameters: dict[str, object]) -> list[tuple[str, str, str]]:
    """Flatten nested parameters to (name, component, value) rows."""
    rows = []
    for name, value in parameters.items():
        parts = value if isinstance(value, dict) else {"": value}
        rows += [(name, component, value_display(one)) for component, one in parts.items()]
    return rows
