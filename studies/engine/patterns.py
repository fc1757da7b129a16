"""Which model overrides apply to a model, and which of them is the more specific."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final, NamedTuple

from studies.engine.texts import name_problem

PATTERN_CHARACTERS: Final = 200
_SPECIAL = re.compile(r"\[!?\]?[^\]]*\]|\*|\?")  # character class, any text, any character


class Specificity(NamedTuple):
    """How closely a pattern describes a model; a greater one wins."""

    exact: bool
    literals: int  # characters that stand for themselves


def pattern_problem(pattern: str) -> str | None:
    """Say why a text cannot be a pattern of models, or None."""
    return name_problem(pattern, max_characters=PATTERN_CHARACTERS)


def pattern_specificity(pattern: str, model: str) -> Specificity | None:
    """How specific a glob pattern is for a model id, or None where it does not match."""
    if pattern == model:
        return Specificity(exact=True, literals=len(pattern))
    if fnmatchcase(model, pattern):
        return Specificity(exact=False, literals=_literals(pattern))
    return None


def match_order(patterns: Iterable[str], model: str) -> list[str]:
    """The patterns that match, from least to most specific: the last one wins."""
    found = {one: pattern_specificity(one, model) for one in patterns}
    ranked = sorted((specificity, one) for one, specificity in found.items() if specificity)
    return [one for _, one in ranked]


def ambiguous(patterns: Iterable[str], model: str) -> list[tuple[str, str]]:
    """Neighbours in that order of which neither is the more specific."""
    order = match_order(patterns, model)
    return [
        (one, other)
        for one, other in pairwise(order)
        if pattern_specificity(one, model) == pattern_specificity(other, model)
    ]


def patterns_clash(one: str, other: str) -> bool:
    """Whether some model could match both patterns, neither of them the more specific.

    A character class counts as any character, so a rare pair is refused without need.
    """
    if one == other or _literals(one) != _literals(other):
        return False
    if not (_SPECIAL.search(one) and _SPECIAL.search(other)):
        return False  # an exact id is above every glob
    return _overlap(_tokens(one), _tokens(other))


def _literals(pattern: str) -> int:
    return len(_SPECIAL.sub("", pattern))


def _tokens(pattern: str) -> list[str]:
    return re.findall(r"\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)


def _overlap(one: list[str], other: list[str]) -> bool:
    """Walk both patterns at once; `reached[j]`: some text fits one[:i] and other[:j]."""
    reached = [all(token == "*" for token in other[:j]) for j in range(len(other) + 1)]  # noqa: S105 - no password
    for token in one:
        above, reached = reached, [reached[0] and token == "*"]  # noqa: S105 - no password
        for j, facing in enumerate(other, start=1):
            if "*" in (token, facing):
                reached.append(above[j] or reached[j - 1])
            else:
                same = token == facing or "?" in (token, facing) or "[" in (token[0], facing[0])
                reached.append(above[j - 1] and same)
    return reached[-1]
