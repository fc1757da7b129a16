"""What the harness found, in the shape that is stored."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]
_STDERR: Final = "_stderr"


def scores_of(name: str, results: Mapping[str, Any]) -> list[Json]:
    """Return the scores of a task or group, and those of its parts behind it.

    Where a group has no score of its own, its tasks stand for themselves.
    """
    tasks = [_task(one, results) for one in results["results"]]
    scored = [task for task in tasks if task["metrics"]]
    has_head = any(task["task"] == name for task in scored)
    marked = [task | {"is_part": has_head and task["task"] != name} for task in scored]
    return sorted(marked, key=lambda task: task["is_part"])


def _task(name: str, results: Mapping[str, Any]) -> Json:
    found = results["results"][name]
    counts = results["n-samples"].get(name, {})  # a group has none of its own
    return {
        "task": name,
        "n": counts.get("effective", found.get("sample_len")),
        "n_all": counts.get("original"),
        "num_fewshot": results["n-shot"].get(name),
        "metrics": list(_metrics(found, results["higher_is_better"].get(name) or {})),
    }


def _metrics(found: Mapping[str, Any], better: Mapping[str, Any]) -> Iterator[Json]:
    """The harness writes `acc,none`: metric and filter, and `acc_stderr,none` beside it."""
    for key, value in found.items():
        name, comma, chosen = key.partition(",")
        if not comma or name.endswith(_STDERR) or not _is_number(value):
            continue
        yield {
            "name": name,
            "filter": chosen,
            "value": _finite(value),
            "stderr": _finite(found.get(f"{name}{_STDERR},{chosen}")),
            "higher_is_better": better.get(name),
        }


def _is_number(value: object) -> bool:
    return _as_float(value) is not None


def _finite(value: object) -> float | None:
    """A number that JSON can hold; the harness says N/A where there is none."""
    number = _as_float(value)
    return number if number is not None and math.isfinite(number) else None


def _as_float(value: object) -> float | None:
    """Read a number of Python's or NumPy's."""
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number is refused by it
    except (TypeError, ValueError):
        return None
