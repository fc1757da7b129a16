"""One function per figure; each returns plotly's JSON."""

import threading
import warnings
from collections.abc import Callable, Mapping

import optuna

from studies.engine.figures.parallel import parallel_coordinates
from studies.engine.figures.records import Json, StudyRecord, as_json, memory_study
from studies.engine.figures.timeline import timeline

FRONT = "the front"  # what importance may be for, beside single objectives
PATTERNS = ("", "/", "x", ".", "+")  # bars are told apart without colour
LEAST_TRIALS = 4  # with fewer, importances are noise


def history(record: StudyRecord, objective: int) -> Json:
    """The objective of each trial and the best so far."""
    study = memory_study(record, objective)
    figure = optuna.visualization.plot_optimization_history(
        study, target_name=record.objectives[objective].name
    )
    return as_json(figure)


def slices(record: StudyRecord, objective: int) -> Json:
    """The objective over each sampled parameter."""
    study = memory_study(record, objective)
    return as_json(
        optuna.visualization.plot_slice(study, target_name=record.objectives[objective].name)
    )


def hypervolume(record: StudyRecord, objective: int) -> Json:
    """The volume that the front dominates, after each trial.

    The reference point is the worst value of each objective that any trial had: so the curve
    rises within a study, and its height cannot be compared between studies.
    """
    values = [trial.values for trial in record.complete]
    if len(record.objectives) < 2 or not values:
        return {"data": [], "layout": {}}
    worst = [
        max(column) if one.direction == "minimize" else min(column)
        for one, column in zip(record.objectives, zip(*values, strict=True), strict=True)
    ]
    study = memory_study(record)
    return as_json(optuna.visualization.plot_hypervolume_history(study, worst))


def importances(record: StudyRecord, objective: int) -> Json:
    """How much each parameter separates the best tenth of the trials from the rest.

    PED-ANOVA (Watanabe et al., 2023), for each objective and for reaching the front; the
    objectives' directions are those of the studies in memory, so nothing has to be negated.
    """
    if len(record.complete) < LEAST_TRIALS:
        return {"data": [], "layout": {}}
    wanted: list[tuple[str, int | None]] = [
        (one.name, index) for index, one in enumerate(record.objectives)
    ]
    if len(record.objectives) > 1:
        wanted.insert(0, (FRONT, None))
    found = {name: _importance(record, index) for name, index in wanted}
    order = sorted(next(iter(found.values())).items(), key=lambda item: item[1])
    names = [name for name, _ in order]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": f"for {title}",
            "x": [round(values.get(name, 0.0), 4) for name in names],
            "y": names,
            "marker": {"pattern": {"shape": PATTERNS[index % len(PATTERNS)]}},
            "hovertemplate": "%{y}: %{x:.1%}<extra>%{fullData.name}</extra>",
        }
        for index, (title, values) in enumerate(found.items())
    ]
    layout = {
        "barmode": "group",
        "xaxis": {"title": {"text": "Importance"}, "tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"automargin": True},
        "legend": {"traceorder": "reversed"},
    }
    return {"data": bars[::-1], "layout": layout}


def _importance(record: StudyRecord, objective: int | None) -> dict[str, float]:
    study = memory_study(record, objective)
    # Optuna loads this room of its own, and scikit-learn with it, only here: seconds, 150 MB.
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


Builder = Callable[[StudyRecord, int], Json]
FIGURES: Mapping[str, Builder] = {
    "importances": importances,
    "parallel": parallel_coordinates,
    "slice": slices,
    "history": history,
    "hypervolume": hypervolume,
    "timeline": timeline,
}
# Filters of warnings belong to the whole process; besides, one figure keeps a core busy.
_quiet = threading.Lock()
PER_OBJECTIVE = ("slice", "history")


def figure(kind: str, record: StudyRecord, objective: int = 0) -> Json:
    """Build one figure; without a complete trial it has no data.

    Raises:
        KeyError: there is no such figure.
        IndexError: there is no such objective.
    """
    build = FIGURES[kind]
    record.objectives[objective]
    if not record.complete and kind != "timeline":
        return {"data": [], "layout": {}}
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, of experimental parts and of few trials
        return build(record, objective)
