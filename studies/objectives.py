"""What a study optimises, and the best values that its trials have reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from studies.engine.pareto import dominates
from studies.engine.scorer_settings import SCORERS, ScorerType
from studies.models import Trial

Json = dict[str, Any]
Objectives = Sequence[tuple[str, str]]  # (name of the score, "minimize" | "maximize")


def objectives_of(snapshot: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The optimised scores of a frozen study, in the order of its trials' values."""
    return [(name, said) for name, said, _ in _scorers(snapshot) if said != "none"]


def spans_of(snapshot: Mapping[str, Any]) -> list[float]:
    """How much of each objective is everything, in the same order."""
    return [kind.span for _, said, kind in _scorers(snapshot) if said != "none"]


def wanted_directions(snapshot: Mapping[str, Any]) -> dict[str, str]:
    """Say of each scorer by name which way is good; of one that only reports, its usual way."""
    return {
        name: kind.direction if said == "none" else said for name, said, kind in _scorers(snapshot)
    }


def _scorers(snapshot: Mapping[str, Any]) -> list[tuple[str, str, ScorerType]]:
    """The name, the direction and the kind of each scorer of a frozen study."""
    settings = {row["name"]: row["value"] for row in snapshot["settings"]}
    rows = [(one, SCORERS[one["scorer"]]) for one in settings.get("scorers") or []]
    return [
        (one.get("name") or kind.label, one.get("optimization") or kind.direction, kind)
        for one, kind in rows
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
