"""The tasks that lie in the operator's own folders, read without running anything of them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from studies.engine.benchmarks.options import is_task_name

MAX_FILES: Final = 500  # that are looked at
MAX_BYTES: Final = 256 * 1024  # of one task's file


class OwnTask(NamedTuple):
    """A task or group of the operator's, as its file describes it under `metadata`."""

    name: str
    about: str
    models: tuple[str, ...]  # patterns of the models that it is made for; none: any model
    apply_chat_template: bool  # what it is made for

    def fits(self, model: str) -> bool:
        """Whether it can be meant for a model."""
        return not self.models or self.is_made_for(model)

    def is_made_for(self, model: str) -> bool:
        """Whether it names this model."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


class _Reader(yaml.SafeLoader):
    """Reads YAML as data: a function that a task names is not looked for."""


_Reader.add_constructor("!function", lambda loader, node: None)


def own_tasks(roots: Sequence[Path]) -> list[OwnTask]:
    """List the tasks below the folders; a file that is none, or cannot be read, is left out."""
    found = {task.name: task for file in _files(roots) for task in _tasks_of(file)}
    return [found[name] for name in sorted(found)]


def fingerprint(roots: Sequence[Path]) -> str:
    """Name the present state of all files below the folders: their names, sizes and times."""
    stats = [
        (str(file.relative_to(root)), stat.st_size, stat.st_mtime_ns)
        for root in roots
        for file in sorted(root.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
        for stat in [file.stat()]
    ]
    return hashlib.sha256(repr(stats).encode()).hexdigest()


def _files(roots: Sequence[Path]) -> list[Path]:
    return [file for root in roots for file in sorted(root.rglob("*.yaml"))][:MAX_FILES]


def _tasks_of(file: Path) -> Iterator[OwnTask]:
    try:
        stat = file.stat()
    except OSError:  # it has just gone
        return
    if stat.st_size <= MAX_BYTES:
        yield from _parsed(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=MAX_FILES)
def _parsed(file: Path, _mtime: int, _size: int) -> tuple[OwnTask, ...]:
    """The task in a file, or nothing; read again only when the file has changed."""
    content = _read(file)
    name = content.get("group") or content.get("task")
    if not isinstance(name, str) or not is_task_name(name):
        return ()
    said = content.get("metadata")
    metadata = said if isinstance(said, Mapping) else {}
    models = metadata.get("models")
    task = OwnTask(
        name,
        str(metadata.get("about") or ""),
        tuple(str(one) for one in models) if isinstance(models, list) else (),
        metadata.get("apply_chat_template") is True,
    )
    return (task,)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.load(file.read_bytes(), _Reader)  # noqa: S506 - a safe loader
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}
