"""The scores of a task, and those of two models side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]
CLEAR: Final = 2.0  # standard errors; a smaller difference may be chance


def beside(original: Sequence[Json], ablated: Sequence[Json]) -> list[Json]:
    """Set two models' scores on the same tasks side by side, one row for each metric.

    A difference is clear where it is more than two standard errors of a difference between
    independent runs. Both models see the same examples, so that errs on the careful side.
    """
    found = {(one["task"], *key): metric for one in ablated for key, metric in _metrics(one)}
    return [
        _row(task, metric, found.get((task["task"], *key), {}))
        for task in original
        for key, metric in _metrics(task)
    ]


def _metrics(task: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Json]]:
    return (((one["name"], one["filter"]), one) for one in task["metrics"])


def _row(task: Json, original: Json, ablated: Mapping[str, Any]) -> Json:
    before, after = original["value"], ablated.get("value")
    errors = original["stderr"], ablated.get("stderr")
    difference = None if before is None or after is None else after - before
    return {
        "task": task["task"],
        "is_part": task["is_part"],
        "n": task["n"],
        "n_all": task["n_all"],
        "num_fewshot": task["num_fewshot"],
        "metric": original["name"],
        "filter": original["filter"],
        "higher_is_better": original["higher_is_better"],
        "original": before,
        "original_stderr": errors[0],
        "ablated": after,
        "ablated_stderr": errors[1],
        "difference": difference,
        "clear": _is_clear(difference, *errors),
    }


def _is_clear(difference: float | None, *errors: float | None) -> bool | None:
    """Whether a difference is more than chance explains; None: that cannot be said."""
    known = [error for error in errors if error is not None]
    if difference is None or len(known) < len(errors):
        return None
    return abs(difference) > CLEAR * math.hypot(*known)
