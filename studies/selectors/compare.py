"""Several studies side by side: fronts, best values, and in what they differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studies.models import Study, Trial
from studies.objectives import objectives_of
from studies.parameters import value_display
from studies.selectors.repeats import repeats
from studies.selectors.volumes import volumes

Json = dict[str, Any]
Objectives = list[tuple[str, str]]


def comparison(studies: Sequence[Study]) -> Json:
    """Everything that the page of compared studies shows; needs `profile` joined."""
    objectives = common_objectives(studies)
    shares = volumes(studies, objectives)
    fronts = _fronts(studies)
    return {
        "objectives": [name for name, _ in objectives],
        "rows": [_row(study, objectives, shares[study.pk]) for study in studies],
        "fronts": [
            {"id": str(study.pk), "name": study.name, "points": fronts[study.pk]}
            for study in studies
        ],
        "score_names": _score_names(fronts, objectives),
        "repeats": repeats(studies, objectives, shares),
        "parameters": _parameter_differences(studies),
        "settings": _setting_differences(studies),
    }


def common_objectives(studies: Sequence[Study]) -> Objectives:
    """What all of these studies optimise in the same direction."""
    each = [objectives_of(study.snapshot) for study in studies]
    return [one for one in each[0] if all(one in other for other in each)] if each else []


def _row(study: Study, objectives: Objectives, share: float | None) -> Json:
    best = {one["name"]: one for one in study.best}
    return {
        "study": study,
        "best": [best.get(name) for name, _ in objectives],
        "volume": share,
    }


def _fronts(studies: Sequence[Study]) -> dict[Any, list[Json]]:
    """The front of each study, slim: what a chart needs."""
    fronts: dict[Any, list[Json]] = {study.pk: [] for study in studies}
    trials = Trial.objects.filter(study__in=studies, is_pareto=True).order_by("number")
    for study_id, number, scores in trials.values_list("study_id", "number", "scores"):
        values = {score["name"]: score["value"] for score in scores}
        displays = {score["name"]: score["display"] for score in scores}
        point = {"number": number, "values": values, "displays": displays}
        fronts[study_id].append(point)
    return fronts


def _score_names(fronts: Mapping[Any, list[Json]], objectives: Objectives) -> list[str]:
    """The scores that the chart can show, those optimised by all studies first."""
    names = dict.fromkeys(name for name, _ in objectives)
    for points in fronts.values():
        for point in points[:1]:
            names |= dict.fromkeys(point["values"])
    return list(names)


def _parameter_differences(studies: Sequence[Study]) -> Json:
    tables = [
        {(row["name"], row["component"]): row for row in study.snapshot["parameters"]}
        for study in studies
    ]
    rows, same = _differences(tables, value_display)
    for row in rows:
        row["name"], row["component"] = row.pop("key")
    return {"rows": rows, "n_same": same}


def _setting_differences(studies: Sequence[Study]) -> Json:
    tables = [{row["name"]: row for row in study.snapshot["settings"]} for study in studies]
    rows, same = _differences(tables, setting_display)
    for row in rows:
        row["name"] = row.pop("key")
    return {"rows": rows, "n_same": same}


def _differences(
    tables: Sequence[Mapping[Any, Json]], display: Callable[[object], str]
) -> tuple[list[Json], int]:
    """The rows in which the tables differ, with a cell for each table, and how many do not."""
    keys = list(dict.fromkeys(key for table in tables for key in table))
    rows = []
    for key in keys:
        found = [table.get(key) for table in tables]
        values = [one and one["value"] for one in found]
        if all(value == values[0] for value in values) and None not in found:
            continue
        cells = [
            {"display": display(one["value"]), "source": one["source"]} if one else None
            for one in found
        ]
        rows.append({"key": key, "cells": cells})
    return rows, len(keys) - len(rows)


def setting_display(value: object) -> str:
    """Write a setting as a person reads it; a scorer is a line."""
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        prompts = value.get("settings", {}).get("prompts", "")
        named = value.get("name") or value.get("scorer")
        return f"{named} on {prompts} ({value.get('optimization', 'as usual')})"
    if isinstance(value, list):
        between = "\n" if any(isinstance(one, Mapping) for one in value) else ", "
        return between.join(setting_display(one) for one in value)
    return str(value)
