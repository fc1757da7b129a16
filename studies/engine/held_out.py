"""Prompts that took no part in a search: which ones are apart, and where more of a kind lie."""

from collections.abc import Iterable, Sequence

from studies.engine.prompt_sources import Split


def apart(prompts: Sequence[str], used: Iterable[str]) -> list[str]:
    """The prompts that are not among the used ones; case and white space make no difference."""
    known = {_plain(prompt) for prompt in used}
    return [prompt for prompt in prompts if _plain(prompt) not in known]


def rows_beside(split: Split) -> str | None:
    """The split of all rows behind a slice or, where it ends with the data, before it.

    None: the slice is the whole split.
    """
    if split.stop is not None:
        return f"{split.name}[{split.stop}:]"
    if split.start:
        return f"{split.name}[:{split.start}]"
    return None


def _plain(prompt: str) -> str:
    return " ".join(prompt.split()).casefold()
