"""One line of the table: means, medians and direction of a layer index, in numbers."""

import numpy as np
from jaxtyping import Float

from studies.engine.directions import NEGLIGIBLE
from studies.engine.geometry.medians import geometric_median
from studies.engine.geometry.separation import separation, silhouette

Points = Float[np.ndarray, "prompt d_model"]
Point = Float[np.ndarray, " d_model"]
Line = dict[str, float | None]


def layer_line(good: Points, bad: Points) -> Line:
    """Return the value of each of `geometry_columns.COLUMNS`; None: it has none here.

    The direction has no cosine where it is shorter than rounding, as at the embedding when a
    chat template ends every prompt with the same token.
    """
    good, bad = good.astype(np.float64), bad.astype(np.float64)
    middles = {"": (good.mean(axis=0), bad.mean(axis=0))}
    middles["_median"] = geometric_median(good), geometric_median(bad)
    line: Line = {}
    for end, (g, b) in middles.items():
        r = b - g
        length = _norm(r)
        direction = r if length > NEGLIGIBLE * max(_norm(g), _norm(b)) else np.zeros_like(r)
        line |= {
            f"cos_good_bad{end}": cosine(g, b),
            f"cos_good_direction{end}": cosine(g, direction),
            f"cos_bad_direction{end}": cosine(b, direction),
            f"norm_good{end}": _norm(g),
            f"norm_bad{end}": _norm(b),
            f"norm_direction{end}": length,
        }
    found = separation(good, bad)
    return line | {
        "silhouette": silhouette(good, bad),
        "auc": found.auc,
        "d_prime": found.d_prime,
    }


def cosine(one: Point, other: Point) -> float | None:
    """Return the cosine of the angle between two vectors, −1 to 1; None: one is zero."""
    lengths = _norm(one) * _norm(other)
    if lengths == 0:
        return None
    return float(np.clip(one @ other / lengths, -1, 1))


def _norm(vector: Point) -> float:
    return float(np.linalg.norm(vector))
