"""The figures of a study, built from slim rows and kept while no trial is added."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import caches

from studies.engine.figures.plots import FIGURES, figure
from studies.engine.figures.records import Objective, Phase, StudyRecord, TrialRecord
from studies.engine.parameters import Key
from studies.engine.search_space import sampled_keys
from studies.engine.values import Value, parse_value
from studies.models import Study, Trial
from studies.selectors.studies import objectives, recommended_number

Json = dict[str, Any]
KEPT = 24 * 3600  # seconds; what a new trial makes stale has another key
LIVE_KINDS = ("timeline",)  # these change without a trial
ENDS = ("trial_started", "status_changed")  # events that end a phase
__all__ = ["FIGURES", "figure_json"]


def figure_json(study: Study, kind: str, objective: int) -> Json:
    """Return a figure as plotly reads it.

    Raises:
        KeyError: there is no such figure.
        IndexError: there is no such objective.
    """
    key = f"figure:{study.pk}:{study.n_finished}:{study.n_failed}:{kind}:{objective}"
    if kind in LIVE_KINDS:
        key += f":{study.event_count}"
    kept: Json | None = caches["figures"].get(key)
    if kept is None:
        kept = figure(kind, study_record(study), objective)
        caches["figures"].set(key, kept, KEPT)
    return kept


def study_record(study: Study) -> StudyRecord:
    """Read what figures show of a study; neither answers nor kernels are loaded."""
    space = {
        Key(row["name"], row["component"]): parse_value(row["name"], row["value"])
        for row in study.snapshot["parameters"]
    }
    return StudyRecord(
        objectives=[Objective(row["name"], row["direction"]) for row in objectives(study)],
        space=space,
        trials=_trials(study, space),
        phases=_phases(study),
        recommended=recommended_number(study),
    )


def _trials(study: Study, space: Mapping[Key, Value]) -> list[TrialRecord]:
    columns = ("number", "state", "source", "values", "parameters", "seconds", "finished_at")
    rows = Trial.objects.filter(study=study).order_by("number").values(*columns, "is_pareto")
    return [
        TrialRecord(
            number=row["number"],
            values=row["values"] if row["state"] == Trial.State.COMPLETE else (),
            parameters=_flat(row["parameters"], space),
            started_at=row["finished_at"] - timedelta(seconds=row["seconds"]),
            finished_at=row["finished_at"],
            is_front=row["is_pareto"],
            is_taken_over=row["source"] == Trial.Source.TAKEN_OVER,
            is_pruned=row["state"] == Trial.State.PRUNED,
        )
        for row in rows
    ]


def _flat(nested: Json, space: Mapping[Key, Value]) -> dict[Key, float | str]:
    """The sampled parameters of a trial; one that it lacks is left out."""
    found = {}
    for key in sampled_keys(space):
        value = nested.get(key.name)
        if isinstance(value, dict):
            value = value.get(key.component)
        if value is not None:
            found[key] = value
    return found


def _phases(study: Study) -> list[Phase]:
    """What happened outside trials: each phase lasts until the next event that ends one."""
    rows = study.events.filter(kind__in=("phase_changed", *ENDS)).order_by("number")
    phases: list[Phase] = []
    begun: tuple[str, datetime] | None = None
    for kind, at, label in rows.values_list("kind", "at", "payload__label"):
        if begun:
            phases.append(Phase(begun[0], begun[1], at))
        begun = (label, at) if kind == "phase_changed" else None
    if begun:
        phases.append(Phase(begun[0], begun[1], None))
    return phases
