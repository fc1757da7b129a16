"""Trials and responses in the shapes that pages and API show."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from studies.models import FrozenPrompts, ResponseSet, Study, Trial
from studies.selectors.studies import recommended_number

Json = dict[str, Any]
ON_PAGE = 300  # trials that a study's page comes with, beside its front; it reads the others
DETAILED = ("details", "values")  # columns that only a trial by itself needs


def trials_of(
    study: Study, *, pareto: bool = False, state: str = "", tag: str = ""
) -> QuerySet[Trial]:
    """Return a study's trials in the order of their numbers, filtered where asked."""
    related = ("origin", "queued__origin")
    heavy = ("parameters", "details", "scores", "values", "pruned", "error")
    trials = Trial.objects.filter(study=study).order_by("number").select_related(*related)
    trials = trials.defer(*(f"{one}__{name}" for one in related for name in heavy))
    trials = trials.prefetch_related("tag_rows")
    if pareto:
        trials = trials.filter(is_pareto=True)
    if state:
        trials = trials.filter(state=state)
    return trials.filter(tag_rows__tag=tag) if tag else trials


def trial_rows(study: Study, chosen: int | None) -> tuple[list[Json], int | None]:
    """Return a study's newest trials and its front for its page, without kernels.

    Beside them stands the number below which trials are left out, if any are.
    """
    slim = trials_of(study).defer(*DETAILED)
    newest = list(slim.order_by("-number")[: ON_PAGE + 1])
    if len(newest) <= ON_PAGE:
        return [_row(trial, chosen) for trial in reversed(newest)], None
    newest.pop()
    before = newest[-1].number
    trials = [*slim.filter(is_pareto=True, number__lt=before), *reversed(newest)]
    return [_row(trial, chosen) for trial in trials], before


def trial_brief(trial: Trial, chosen: int | None) -> Json:
    """One trial as a long list has it; needs none of the `DETAILED` columns."""
    return _row(trial, chosen) | {"kernel": {}, "direction": "", "details": {}}


def trial_out(trial: Trial, chosen: int | None = None) -> Json:
    """One trial as events and API show it; `chosen` is the recommended one's number."""
    return _row(trial, chosen) | {
        "kernel": trial.details.get("kernel", {}),
        "direction": trial.details.get("direction", ""),
        "details": {k: v for k, v in trial.details.items() if k not in ("kernel", "direction")},
    }


def _origin(trial: Trial) -> Json | None:
    """Where a trial was measured, or whose parameters it tried."""
    is_enqueued = trial.source == Trial.Source.ENQUEUED
    origin = trial.queued.origin if is_enqueued else trial.origin
    if origin is None:
        return None
    return {"study": str(origin.study_id), "number": origin.number}


def trial_detail(study: Study, number: int) -> Json:
    """Return one trial.

    Raises:
        Trial.DoesNotExist: the study has no trial of that number.
    """
    return trial_out(trials_of(study).get(number=number), recommended_number(study))


def trial_responses(study: Study, number: int) -> list[Json]:
    """Return every prompt of every scorer with a trial's response to it.

    Raises:
        Trial.DoesNotExist: the study has no trial of that number.
    """
    trial = trials_of(study).get(number=number)
    measured = trial.origin or trial  # what was taken over has its answers where it was measured
    return _responses(measured.response_sets.order_by("pk"))


def baseline_responses(study: Study) -> list[Json]:
    """Return every prompt of every scorer with the original model's response to it."""
    return _responses(study.response_sets.filter(trial__isnull=True).order_by("pk"))


def _row(trial: Trial, chosen: int | None) -> Json:
    return {
        "number": trial.number,
        "state": trial.state,
        "source": trial.source,
        "origin": _origin(trial),
        "parameters": trial.parameters,
        "scores": trial.scores,
        "seconds": round(trial.seconds, 3),
        "pareto": trial.is_pareto,
        "recommended": trial.is_pareto and trial.number == chosen,
        "note": trial.note,
        "tags": [row.tag for row in trial.tag_rows.all()],
        "pruned": trial.pruned or None,
        "error": trial.error,
    }


def _responses(sets: Iterable[ResponseSet]) -> list[Json]:
    rows = list(sets)
    frozen = FrozenPrompts.objects.in_bulk({row.prompts_digest for row in rows})
    return [
        {"scorer": row.scorer, "prompt": prompt["user"], "verdict": None, **item}
        for row in rows
        for prompt, item in zip(
            frozen[row.prompts_digest].prompts[: len(row.items)], row.items, strict=True
        )
    ]
