"""The geometric median: a middle that a few far-off prompts do not move."""

from typing import Final

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "prompt d_model"]
Point = Float[np.ndarray, " d_model"]

MOST_STEPS: Final = 300
TOLERANCE: Final = 1e-7  # of the points' mean distance to their mean; a smaller step is the last


def geometric_median(points: Points) -> Point:
    """Return the point whose distances to all points have the smallest sum, in float64.

    Weiszfeld's iteration from the mean; where it meets one of the points, it takes the step of
    Vardi and Zhang 2000, "The multivariate L1-median and associated data depth", eq. 2.6.
    """
    points = points.astype(np.float64)
    median: Point = points.mean(axis=0)
    scale = float(np.linalg.norm(points - median, axis=1).mean())
    for _ in range(MOST_STEPS):
        step = _step(points, median, scale)
        median = median + step
        if np.linalg.norm(step) <= TOLERANCE * scale:
            break
    return median


def _step(points: Points, median: Point, scale: float) -> Point:
    away = points - median
    distances = np.linalg.norm(away, axis=1)
    apart = distances > 1e-12 * scale
    if not apart.any():  # all points lie here
        return np.zeros_like(median)
    weights = np.zeros_like(distances)
    np.divide(1, distances, out=weights, where=apart)
    pull = weights @ away  # the sum of the unit vectors to the points
    n_here = len(points) - int(apart.sum())
    strength = float(np.linalg.norm(pull))
    held = min(1.0, n_here / strength) if strength > 0 else 1.0
    step: Point = (1 - held) * pull / weights.sum()
    return step
