"""What a study optimises, and the best values that its trials have reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from studies.engine.pareto import dominates
from studies.engine.scorer_settings import SCORERS
from studies.models import Trial

Json = dict[str, Any]
Objectives = Sequence[tuple[str, str]]  # (name of the score, "minimize" | "maximize")


def objectives_of(snapshot: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The optimised scores of a frozen study, in the order of its trials' values."""
    settings = {row["name"]: row["value"] for row in snapshot["settings"]}
    scorers = [
        (one, SCORERS[one["scorer"]], one.get("optimization"))
        for one in settings.get("scorers") or []
    ]
    return [
        (one.get("name") or kind.label, direction or kind.direction)
        for one, kind, direction in scorers
        if (direction or kind.direction) != "none"
    ]


def best_after(best: Sequence[Json], trial: Trial, objectives: Objectives) -> list[Json]:
    """The best value of each objective so far, this trial included."""
    known = {row["name"]: row for row in best}
    displays = {score["name"]: score["display"] for score in trial.scores}
    for (name, direction), value in zip(objectives, trial.values, strict=True):
        old = known.get(name)
        if old is None or dominates([value], [old["value"]], [direction]):
            row = {"name": name, "value": value, "display": displays[name], "trial": trial.number}
            known[name] = row
    return [known[name] for name, _ in objectives]
