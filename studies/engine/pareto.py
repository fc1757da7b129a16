"""When one trial beats another."""

from collections.abc import Sequence


def dominates(one: Sequence[float], other: Sequence[float], directions: Sequence[str]) -> bool:
    """Say whether `one` is at least as good in every objective and better in one.

    `directions` holds `minimize` or `maximize` for each objective.
    """
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    pairs = [(s * a, s * b) for s, a, b in zip(signs, one, other, strict=True)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def front_of(values: Sequence[Sequence[float]], directions: Sequence[str]) -> set[int]:
    """Return the indices of those that no other one beats."""
    front: list[int] = []
    for index, mine in enumerate(values):
        if any(dominates(values[other], mine, directions) for other in front):
            continue
        front = [o for o in front if not dominates(mine, values[o], directions)]
        front.append(index)
    return set(front)


def hypervolume(
    values: Sequence[Sequence[float]], reference: Sequence[float], directions: Sequence[str]
) -> float:
    """Return the volume between the values and a reference point that is worse than they are.

    Cut into slices along the last objective, each the volume of the others' projection; exact
    for any number of objectives, meant for fronts of some dozens of points.
    """
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    limit = [s * r for s, r in zip(signs, reference, strict=True)]
    points = [[s * v for s, v in zip(signs, one, strict=True)] for one in values]
    inside = [p for p in points if all(v < most for v, most in zip(p, limit, strict=True))]
    return _volume(inside, limit)


def _volume(points: Sequence[Sequence[float]], limit: Sequence[float]) -> float:
    if not points:
        return 0.0
    if len(limit) == 1:
        return limit[0] - min(point[0] for point in points)
    ordered = sorted(points, key=lambda point: point[-1])
    ends = [*(point[-1] for point in ordered[1:]), limit[-1]]
    volume = 0.0
    for count, (point, end) in enumerate(zip(ordered, ends, strict=True), start=1):
        if end > point[-1]:
            below = [other[:-1] for other in ordered[:count]]
            volume += (end - point[-1]) * _volume(below, limit[:-1])
    return volume
