"""How much of what is reachable the front of each study covers."""

from collections.abc import Sequence
from math import prod
from typing import Any
from uuid import UUID

from studies.engine.pareto import hypervolume
from studies.models import Study, Trial
from studies.objectives import objectives_of


def volumes(
    studies: Sequence[Study], objectives: Sequence[tuple[str, str]]
) -> dict[UUID, float | None]:
    """The share of the box between the best and the worst value of all these studies' trials.

    1: one trial is best in everything. The number means something beside the others only; it
    is None where the box is flat, or nothing has finished.
    """
    values = _values(studies, objectives)
    every = [one for own in values.values() for one in own["all"]]
    if not every or not objectives:
        return {study.pk: None for study in studies}
    directions = [direction for _, direction in objectives]
    columns = list(zip(*every, strict=True))
    pairs = [(min(column), max(column)) for column in columns]
    worst = [
        low if direction == "maximize" else high
        for (low, high), direction in zip(pairs, directions, strict=True)
    ]
    box = prod(high - low for low, high in pairs)
    return {
        study.pk: hypervolume(values[study.pk]["front"], worst, directions) / box
        if box and values[study.pk]["front"]
        else None
        for study in studies
    }


def _values(
    studies: Sequence[Study], objectives: Sequence[tuple[str, str]]
) -> dict[UUID, dict[str, list[list[float]]]]:
    """The common objectives' values of each study's finished trials, and of its front."""
    found: dict[UUID, dict[str, list[Any]]] = {s.pk: {"all": [], "front": []} for s in studies}
    places = {}
    for study in studies:
        own = objectives_of(study.snapshot)
        places[study.pk] = [own.index(one) for one in objectives]
    trials = Trial.objects.filter(study__in=studies, state=Trial.State.COMPLETE)
    for study_id, values, is_pareto in trials.values_list("study_id", "values", "is_pareto"):
        chosen = [values[place] for place in places[study_id]]
        found[study_id]["all"].append(chosen)
        if is_pareto:
            found[study_id]["front"].append(chosen)
    return found
