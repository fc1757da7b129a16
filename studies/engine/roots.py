"""Files of a user, which lie below configured folders and nowhere else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from studies.engine.problems import got
from studies.engine.texts import name_problem

_PATH_BYTES: Final = 1024
_PART_BYTES: Final = 255  # what file systems take as one name


class OutsideRootsError(ValueError):
    """A path that is malformed or leads out of the configured folders; the message says which."""


def path_below(raw: str, roots: Sequence[Path]) -> Path | None:
    """Find what a user's path means below the roots, links resolved; None: nothing is there.

    A relative path is looked up below each root in turn, an absolute one has to lie in one. An
    absolute path outside is refused whether it exists or not.

    Raises:
        OutsideRootsError: the path is malformed, climbs, or leads outside through a link.
    """
    if problem := path_problem(raw):
        raise OutsideRootsError(problem)
    resolved_roots = [root.resolve() for root in roots]
    outside = f"leads out of the folders that are open to users{got(raw)}"
    if Path(raw).is_absolute():
        found = _resolve(Path(raw))
        if found is None or not _is_inside(found, resolved_roots):
            raise OutsideRootsError(outside)
        return found if found.exists() else None
    for root in resolved_roots:
        found = _resolve(root / raw)
        if found is None or not _is_inside(found, [root]):
            raise OutsideRootsError(outside)
        if found.exists():
            return found
    return None


def path_problem(raw: str) -> str | None:
    """Say why a text cannot be a path below a root, or None."""
    if problem := name_problem(raw, max_characters=_PATH_BYTES):
        return problem
    parts = raw.split("/")
    if len(raw.encode()) > _PATH_BYTES or any(len(part.encode()) > _PART_BYTES for part in parts):
        return f"is too long for a path{got(raw)}"
    if "\\" in raw:
        return f"must not contain a backslash{got(raw)}"
    if ":" in parts[0]:
        return f"must be a path or a name, not a URL or a drive{got(raw)}"
    if {".", ".."} & {*parts} or raw.startswith("~"):
        return f"must not climb to other folders{got(raw)}"
    return None


def _resolve(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return None


def _is_inside(path: Path, resolved_roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in resolved_roots)
