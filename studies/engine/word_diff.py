"""Which words of two texts differ."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

MAX_PAIRS = 4_000_000  # words of one text × words of the other; beyond, all counts as changed
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


class Piece(NamedTuple):
    """A stretch of a text; a text's pieces joined are the text."""

    changed: bool
    text: str


def word_diff(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Cut both texts into stretches that the other shares and stretches that it does not."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) * len(new) > MAX_PAIRS and before != after:
        return _pieces([(True, old)]), _pieces([(True, new)])
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    codes = matcher.get_opcodes()
    return (
        _pieces([(tag != "equal", old[low:high]) for tag, low, high, _, _ in codes]),
        _pieces([(tag != "equal", new[low:high]) for tag, _, _, low, high in codes]),
    )


def _pieces(runs: Sequence[tuple[bool, Sequence[str]]]) -> list[Piece]:
    """Join what belongs together; a space between two changed words counts as changed."""
    texts = [(changed, "".join(words)) for changed, words in runs if words]
    joined: list[Piece] = []
    for index, (changed, text) in enumerate(texts):
        between = 0 < index < len(texts) - 1 and text.isspace()
        is_changed = changed or between
        if joined and joined[-1].changed == is_changed:
            joined[-1] = Piece(is_changed, joined[-1].text + text)
        else:
            joined.append(Piece(is_changed, text))
    return joined
