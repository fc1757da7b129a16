"""Which trial of a Pareto front to look at first."""

import math
from collections.abc import Mapping, Sequence


def recommended(front: Mapping[int, Sequence[float]], directions: Sequence[str]) -> int | None:
    """Return the number of the front's compromise trial, or None for an empty front.

    `front` has each trial's objectives by its number; `directions` holds `minimize` or
    `maximize` for each objective. Every objective is scaled to [0, 1] over the front, 0 being
    its best value there; the trial nearest to the ideal point (all zeros) by Euclidean distance
    is taken. With one objective that is the best trial. Of equally near ones, the earlier
    objective decides, then the lower number: the two ends of a front of two are equally near.

    Source: M. Zeleny, Compromise programming, in Multiple Criteria Decision Making, 1973. The
    other usual knee, farthest from the line between the front's ends, has no answer where the
    front bends outwards, and names one of the ends there.
    """
    if not front:
        return None
    columns = [
        _scaled(values, direction)
        for values, direction in zip(zip(*front.values(), strict=True), directions, strict=True)
    ]
    rows = zip(front, zip(*columns, strict=True), strict=True)
    return min(rows, key=lambda row: (round(math.hypot(*row[1]), 12), row[1], row[0]))[0]


def _scaled(values: Sequence[float], direction: str) -> list[float]:
    """Map the best of `values` to 0 and the worst to 1; where all are equal, all are best."""
    low, high = min(values), max(values)
    if low == high:
        return [0.0] * len(values)
    best = high if direction == "maximize" else low
    # Divided first: the range of two finite numbers may not be finite.
    span = high / 2 - low / 2
    return [abs(value / 2 - best / 2) / span for value in values]
