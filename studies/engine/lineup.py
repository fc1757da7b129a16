"""The order in which rows stand in a cache, so that those that a layer computes are a slice.

Rows with the same text differ only from the first place that one of them changes. In front stand
those that compute every layer, behind them, by the place at which they join, those for which
another row (their twin, which changes least) computes what lies before it.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from studies.engine.parts import Place


class Lineup(NamedTuple):
    """Rows in the order of their places."""

    rows: list[int]
    begins: list[Place]  # from where on each is computed; they ascend
    twins: list[int]  # the place of each one's twin: its own, if it computes every layer


class Moves(NamedTuple):
    """What is copied from place to place, all at once."""

    places: list[int]
    sources: list[int]


def apart(n_rows: int) -> Lineup:
    """Rows as they are numbered, each of which computes every layer."""
    return Lineup([*range(n_rows)], [0] * n_rows, [*range(n_rows)])


def twins_of(keys: Mapping[int, Hashable], starts: Sequence[Place]) -> dict[int, int]:
    """The row that changes least among those with the same key, for each."""
    same: dict[Hashable, int] = {}
    for row, key in keys.items():
        other = same.setdefault(key, row)
        if starts[row] > starts[other]:
            same[key] = row
    return {row: same[key] for row, key in keys.items()}


def lined_up(before: Lineup, twins: Mapping[int, int], starts: Sequence[Place]) -> Lineup:
    """The rows that have a twin, as many as possible at the place where they stand; others leave.

    `starts`: where each row begins to differ.
    """
    begins = {row: 0 if twin == row else starts[row] for row, twin in twins.items()}
    rows = _ordered([row for row in before.rows if row in twins], before.rows, begins)
    places = {row: place for place, row in enumerate(rows)}
    return Lineup(rows, [begins[row] for row in rows], [places[twins[row]] for row in rows])


def moves(before: Lineup, after: Lineup, n_layers: int) -> Iterator[Moves]:
    """What each layer has to copy, so that each row that it computes stands where it should.

    A row that it did not compute before is there what its twin is.
    """
    old = {row: place for place, row in enumerate(before.rows)}
    changed = [
        (place, old[row], begin)
        for place, (row, begin) in enumerate(zip(after.rows, after.begins, strict=True))
        if old[row] != place or begin < before.begins[place]
    ]
    for layer in range(n_layers):
        sources = {
            place: was if before.begins[was] <= layer else before.twins[was]
            for place, was, begin in changed
            if begin <= layer
        }
        moved = [place for place, source in sources.items() if source != place]
        yield Moves(moved, [sources[place] for place in moved])


def _ordered(left: Sequence[int], before: Sequence[int], begins: Mapping[int, Place]) -> list[int]:
    sizes = sorted(Counter(begins.values()).items())
    ends = [0, *accumulate(size for _, size in sizes)]
    homes = {begin: range(ends[i], ends[i + 1]) for i, (begin, _) in enumerate(sizes)}
    order = {
        place: row
        for place, row in enumerate(before)
        if row in begins and place in homes[begins[row]]
    }
    free = {
        begin: iter([one for one in home if one not in order]) for begin, home in homes.items()
    }
    staying = set(order.values())
    order |= {next(free[begins[row]]): row for row in left if row not in staying}
    return [order[place] for place in range(len(left))]
