"""Studies that differ in their seed alone: what they reach on average, and how far apart."""

import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from studies.models import Study

Json = dict[str, Any]


def repeats(
    studies: Sequence[Study],
    objectives: Sequence[tuple[str, str]],
    volumes: Mapping[UUID, float | None],
) -> list[Json]:
    """Group the studies that are the same but for their seed, where there are several."""
    groups: dict[str, list[Study]] = defaultdict(list)
    for study in studies:
        groups[_all_but_seed(study)].append(study)
    return [
        {
            "studies": group,
            "model": group[0].model,
            "best": [_spread([_best(study, name) for study in group]) for name, _ in objectives],
            "volume": _spread([volumes[study.pk] for study in group]),
        }
        for group in groups.values()
        if len(group) > 1
    ]


def _all_but_seed(study: Study) -> str:
    """Everything that makes a study what it is, besides its seed."""
    snapshot = study.snapshot
    kept = ("name", "component", "value")
    return json.dumps(
        [
            study.model,
            study.n_trials,
            # A fork has a history of its own.
            str(study.forked_from_id) if study.n_taken_over else "",
            snapshot["method"],
            [[row[name] for name in kept] for row in snapshot["parameters"]],
            {r["name"]: r["value"] for r in snapshot["settings"] if r["name"] != "seed"},
            {slug: row["digest"] for slug, row in snapshot["prompts"].items()},
        ],
        sort_keys=True,
    )


def _best(study: Study, name: str) -> float | None:
    return next((one["value"] for one in study.best if one["name"] == name), None)


def _spread(values: Sequence[float | None]) -> Json | None:
    """Mean and standard deviation of what is known, in words."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    deviation = f"{statistics.stdev(known):.3g}" if len(known) > 1 else ""
    return {"mean": f"{statistics.fmean(known):.4g}", "deviation": deviation}
