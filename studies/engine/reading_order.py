"""Which prompts are read together: those of about the same length, so that little is padding."""

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch

from studies.engine.parts import Place

# What a forward pass costs beside its tokens, in tokens; measured on the demo model, whose
# passes are the shortest. A GPU hides tokens behind its launches.
_PASS = 32
_PASS_ON_GPU = 1024
_MOST = 4096  # tokens of a pass on a processor: with more, its caches miss
# What a token sees in vain or not: so many others cost as much as itself. Measured on the demo
# model; less on larger ones.
_SEEN = 1024


def tokens_cost(n_rows: int, n_tokens: int) -> float:
    """What rows of as many tokens each cost, in tokens that see few others."""
    return n_rows * n_tokens * (1 + n_tokens / _SEEN)


def cost(passes: Iterable[tuple[int, int]], device: torch.device) -> float:
    """What passes over so many rows of so many tokens cost, in tokens."""
    return sum(tokens_cost(*one) + _pass_cost(device) for one in passes)


def in_parts(
    lengths: Sequence[int], starts: Sequence[Place], device: torch.device
) -> tuple[list[int], list[slice]]:
    """An order of rows, longest first, and the parts of it that are read together.

    Within a part, rows stand in the order of `starts`, the places at which they join.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    parts = _parts([lengths[row] for row in order], _pass_cost(device))
    if device.type == "cpu":
        parts = [piece for part in parts for piece in _cut(part, lengths[order[part.start]])]
    rows = [row for part in parts for row in sorted(order[part], key=lambda row: starts[row])]
    return rows, parts


def _pass_cost(device: torch.device) -> int:
    return _PASS if device.type == "cpu" else _PASS_ON_GPU


def _parts(lengths: Sequence[int], extra: int) -> list[slice]:
    """The cheapest cut of descending lengths, where a part costs rows · longest + extra."""
    cuts = [0, *(row for row in range(1, len(lengths)) if lengths[row] < lengths[row - 1])]
    cuts.append(len(lengths))
    best: list[tuple[int, int]] = [(0, 0)]  # (cost, the cut before) of all rows up to each cut
    for number, end in enumerate(cuts[1:], start=1):
        ways = (
            (best[begin][0] + (end - cuts[begin]) * lengths[cuts[begin]] + extra, begin)
            for begin in range(number)
        )
        best.append(min(ways))
    chosen = [len(cuts) - 1]
    while chosen[-1]:
        chosen.append(best[chosen[-1]][1])
    return [slice(cuts[a], cuts[b]) for a, b in pairwise(reversed(chosen))]


def _cut(part: slice, longest: int) -> list[slice]:
    found = pieces(part.stop - part.start, longest)
    return [slice(part.start + one.start, part.start + one.stop) for one in found]


def pieces(n_rows: int, n_tokens: int, *, most_rows: int = sys.maxsize) -> list[slice]:
    """Rows of as many tokens each, in as few pieces of about the same size as may be."""
    most_rows = max(1, min(most_rows, _MOST // n_tokens))
    n_pieces = -(-n_rows // most_rows)
    ends = [n_rows * number // n_pieces for number in range(n_pieces + 1)] if n_rows else [0]
    return [slice(a, b) for a, b in pairwise(ends)]
