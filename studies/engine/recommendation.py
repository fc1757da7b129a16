"""Which trial of a Pareto front to look at first."""

import math
from collections.abc import Mapping, Sequence


def recommended(
    front: Mapping[int, Sequence[float]], directions: Sequence[str], spans: Sequence[float]
) -> int | None:
    """Return the number of the front's knee, or None for an empty front.

    `front` has each trial's objectives by its number, `directions` holds `minimize` or
    `maximize` for each objective, `spans` how much of it is everything (positive, in its unit).

    The ideal point has every objective at its best value on the front. Of each trial, the loss
    to it is taken in spans, and the trial with the smallest Euclidean loss is the knee; with
    one objective that is the best trial. Of equal ones the earlier objective decides, then the
    lower number.

    Source: M. Zeleny, Compromise programming, in Multiple Criteria Decision Making, 1973. He
    scales by the front's own range; that would weigh a divergence of 0.001 like refusing every
    prompt, where no trial of the front does worse. Nor does this need the front to be convex, as
    the distance to the line between its ends does.
    """
    if not front:
        return None
    losses = [
        _losses(values, direction, span)
        for values, direction, span in zip(
            zip(*front.values(), strict=True), directions, spans, strict=True
        )
    ]
    rows = zip(front, zip(*losses, strict=True), strict=True)
    return min(rows, key=lambda row: (math.hypot(*row[1]), row[1], row[0]))[0]


def _losses(values: Sequence[float], direction: str, span: float) -> list[float]:
    best = max(values) if direction == "maximize" else min(values)
    return [abs(value - best) / span for value in values]
