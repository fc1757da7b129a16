"""The page of one trial, for links that others can open."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studies import selectors
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method
from studies.engine.parameters import Key, derived_layers
from studies.models import Study, Trial
from studies.parameters import value_display
from studies.permissions import RUN_STUDIES, may

Json = dict[str, Any]


@require_safe
@login_required
def trial_detail(request: HttpRequest, study_id: UUID, number: int) -> HttpResponse:
    """Show a trial's scores, parameters and kernel; its responses load in the browser."""
    study = get_object_or_404(selectors.studies_visible_to(request.user), pk=study_id)
    try:
        trial = selectors.trial_detail(study, number)
    except Trial.DoesNotExist as error:
        raise Http404 from error
    context = {
        "study": study,
        "trial": trial,
        "source_label": Trial.Source(trial["source"]).label.lower(),
        "others": selectors.studies_open(request.user, study),
        "scores": _score_rows(study, trial),
        "parameters": _parameter_rows(study, trial["parameters"]),
        "rescores": selectors.trial_rescores(study, number),
        "details": [(name, value_display(one)) for name, one in trial["details"].items()],
        "before": _neighbour(study, number, forward=False),
        "after": _neighbour(study, number, forward=True),
        "page_data": {
            "study": str(study.pk),
            "number": number,
            "kernel": trial["kernel"],
            "may_run": may(request.user, RUN_STUDIES),
            "parameters": trial["parameters"],
            "note": trial["note"],
            "tags": trial["tags"],
            "event_count": study.event_count,
            "complete": trial["state"] == Trial.State.COMPLETE,
            "strategies": selectors.export_strategies(),
            "exports": [
                selectors.export_out(export)
                for export in selectors.exports_of(request.user, study, number)
            ],
            "benchmark_choices": selectors.benchmark_choices(study.model),
            "benchmarks": [
                selectors.benchmark_out(benchmark)
                for benchmark in selectors.benchmarks_of(request.user, study, number)
            ],
        },
    }
    return render(request, "studies/trial.html", context)


def _score_rows(study: Study, trial: Json) -> list[Json]:
    """Each score beside the original's, with both intervals where there are any."""
    originals = {score["name"]: score for score in study.baseline}
    return [
        {"score": score, "original": originals.get(score["name"])} for score in trial["scores"]
    ]


def _parameter_rows(study: Study, parameters: Json) -> list[Json]:
    """Each parameter with what it could have been and who decided that."""
    decided = {(row["name"], row["component"]): row for row in study.snapshot["parameters"]}
    method = method_get(study.snapshot["method"])
    rows = []
    for name, value in parameters.items():
        parts = value if isinstance(value, dict) else {"": value}
        for component, one in parts.items():
            row = decided.get((name, component), {})
            rows.append(
                {
                    "name": name,
                    "component": component,
                    "value": f"{one:.6g}" if isinstance(one, float) else value_display(one),
                    "layer": _layer(method, name, component, one, study.n_layers) if row else None,
                    "space": row.get("display", "") if row.get("sampled") else "fixed",
                    "source": row.get("source", ""),
                }
            )
    return rows


def _layer(
    method: Method, name: str, component: str, value: float | str, n_layers: int | None
) -> object:
    if n_layers is None or method.parameter(name) is None:
        return None
    return derived_layers(method, Key(name, component), value, n_layers)


def _neighbour(study: Study, number: int, *, forward: bool) -> int | None:
    """The number of the trial before or after this one."""
    trials = study.trials.values_list("number", flat=True)
    if forward:
        return trials.filter(number__gt=number).order_by("number").first()
    return trials.filter(number__lt=number).order_by("-number").first()
