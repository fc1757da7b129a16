"""When one trial beats another."""

from collections.abc import Sequence


def dominates(one: Sequence[float], other: Sequence[float], directions: Sequence[str]) -> bool:
    """Say whether `one` is at least as good in every objective and better in one.

    `directions` holds `minimize` or `maximize` for each objective.
    """
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    pairs = [(s * a, s * b) for s, a, b in zip(signs, one, other, strict=True)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
