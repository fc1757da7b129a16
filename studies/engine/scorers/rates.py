"""Shares of a number of answers."""

import math

from studies.engine.results import ResponseSet
from studies.engine.scorers.base import Measured

_Z = 1.959964  # the normal quantile of a two-sided 95 % interval


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of a share.

    Source: E. B. Wilson, Probable inference, 1927. It stays within [0, 1] and keeps a width at
    0/n and n/n, where the usual one collapses.
    """
    share, square = count / total, _Z * _Z
    middle = (share + square / (2 * total)) / (1 + square / total)
    spread = math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    half = spread * _Z / (1 + square / total)
    low = 0.0 if count == 0 else middle - half  # exact ends, free of rounding
    high = 1.0 if count == total else middle + half
    return low, high


def measured_rate(responses: ResponseSet) -> Measured:
    """The share of answers with a positive verdict."""
    count, total = sum(item.verdict is True for item in responses.items), len(responses.items)
    low, high = wilson_interval(count, total)
    return Measured(count / total, f"{count}/{total}", low, high, responses, total, count)
