"""Takes out of a text what only concerns the machine on which it was written."""

import re
from collections.abc import Iterable
from typing import Final

PATH_WORD: Final = "(local path)"
NAME_WORD: Final = "(name)"
# Names that half the world's machines share: they tell nothing, and are words of their own.
_COMMON: Final = frozenset({"admin", "administrator", "localhost", "root", "ubuntu", "user"})
_LEAST: Final = 3  # characters; shorter names are part of every text
_END: Final = r"[^\s\"'`<>()\[\]{}|,;]*"
_HOMES: Final = re.compile(
    # After a letter, a dot or a slash it is the end of an address, such as example.org/home/x.
    rf"(?:file://|(?<![\w./-]))/(?:home|Users|root|tmp|private|var/(?:tmp|folders))/{_END}"
    rf"|\b[A-Za-z]:\\(?:Users|Documents and Settings)\\{_END}"
)


def without_private(text: str, *, folders: Iterable[str] = (), names: Iterable[str] = ()) -> str:
    """Replace local paths and the names of people and machines.

    `folders` are this installation's own, wherever they lie; `names` are whole words.
    """
    for folder in sorted({one for one in folders if len(one) > 1}, key=len, reverse=True):
        text = re.sub(re.escape(folder) + _END, PATH_WORD, text)
    text = _HOMES.sub(PATH_WORD, text)
    for name in sorted(set(names), key=len, reverse=True):
        if len(name) >= _LEAST and name.lower() not in _COMMON:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", NAME_WORD, text)
    return text
