"""What all answers begin with, so that scoring can start where they differ."""

from collections.abc import Callable, Sequence
from itertools import takewhile

from studies.engine.generation import Generation
from studies.engine.prompts import Prompt

N_PROMPTS = 100  # of each set
FIRST_TOKENS = 12  # enough to see most answers differ
_CUT_CHARACTER = "\ufffd"  # a character of several tokens, of which not all are there yet

# (prefix, most new tokens) -> answers to all prompts whose texts end in that prefix.
Answerer = Callable[[str, int], Generation]
Skips = Sequence[tuple[str, str]]  # (opening, closed block)


def prefix_prompts(good: Sequence[Prompt], bad: Sequence[Prompt]) -> list[Prompt]:
    """Those of both sets whose answers are compared."""
    return [*good[:N_PROMPTS], *bad[:N_PROMPTS]]


def detect_prefix(answer: Answerer, skips: Skips, *, max_new_tokens: int) -> str:
    """The common beginning of all answers; an opened chain of thought is closed at once.

    After a closed block the answers are compared again, since they may share more from there.
    As in Heretic. Empty where all answers are the same to their end: nothing
    would be left to score.
    """
    prefix = _common(answer, "", max_new_tokens)
    closed = next((block for opening, block in skips if prefix.startswith(opening)), None)
    if closed is None:
        return prefix
    return closed + _common(answer, closed, max_new_tokens)


def _common(answer: Answerer, prefix: str, max_new_tokens: int) -> str:
    n_tokens = min(FIRST_TOKENS, max_new_tokens)
    while True:
        found = answer(prefix, n_tokens)
        texts = [
            text if ended else text.rstrip(_CUT_CHARACTER)
            for text, ended in zip(found.responses, found.finished, strict=True)
        ]
        common = _shared_beginning(texts)
        if _settled(common, texts, found.finished):
            same = all(found.finished) and all(text == common for text in texts)
            return "" if same else common.rstrip(" ")
        if n_tokens >= max_new_tokens:
            return ""
        n_tokens = min(4 * n_tokens, max_new_tokens)


def _settled(common: str, texts: Sequence[str], finished: Sequence[bool]) -> bool:
    """Whether more tokens could not make the common beginning longer."""
    whole = [ended for text, ended in zip(texts, finished, strict=True) if text == common]
    return not whole or any(whole)


def _shared_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # in sorted order, all others lie between them
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(character for character, _ in same)
