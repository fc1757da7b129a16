"""The tasks there are: those of the operator's folders, and those that the harness brings along.

No code comes from the hub: data sets are data, metrics that would be fetched are refused, and
tasks that run what the model writes are too. A task's own functions come from the installed
package or from the operator's folders.
"""

from collections.abc import Sequence
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any, Final, NoReturn

import evaluate
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import HfHubHTTPError
from lm_eval.api.registry import METRIC_REGISTRY
from lm_eval.tasks import TaskManager

from studies.engine.benchmarks.errors import (
    TASK_FAULTS,
    TaskRefusedError,
    TaskUnknownError,
    data_error,
    task_error,
)
from studies.engine.benchmarks.own_tasks import fingerprint
from studies.engine.benchmarks.quiet import quiet

Tasks = dict[str, Any]  # what lm_eval makes of a name: its tasks, and the groups that they form
DATA_FAULTS: Final = (OSError, HfHubHTTPError, DatasetsError)


class HubProgramError(Exception):
    """A metric that is a program of the hub's."""


def _refuse_program(path: str, *_: object, **__: object) -> NoReturn:
    raise HubProgramError(path)


evaluate.load = _refuse_program  # for whichever task may call it


class Catalogue:
    """All tasks; those of the operator come before others of the same name."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root for root in roots if root.is_dir()]
        self._manager = TaskManager(include_path=self._roots, include_defaults=False)

    def find(self, names: Sequence[str]) -> None:
        """Make sure that all names are known.

        Raises:
            TaskUnknownError: some are not.
        """
        index = self._manager.task_index
        # A group of the operator's may consist of the harness's tasks.
        if not {*names} <= {*self._manager.all_subtasks}:
            index.update({name: one for name, one in built_in().items() if name not in index})
        if unknown := [name for name in names if name not in index]:
            raise TaskUnknownError(unknown, list(index))

    def load(self, name: str) -> Tasks:
        """Load a task that was found, with its data.

        Raises:
            TaskError: and its kinds: its data cannot be had, or it needs code of the hub's.
        """
        try:
            # Nothing else in a worker uses relative paths.
            with quiet(), chdir(self._folder_of(name)):
                found: Tasks = self._manager.load(name)
        except HubProgramError as error:
            raise _needs_program(name, str(error)) from error
        except DATA_FAULTS as error:
            raise data_error(name, error) from error
        except TASK_FAULTS as error:
            raise task_error(name, error) from error
        for task in found["tasks"].values():
            _refuse_code(name, task)
        return found

    def own_state(self, tasks: Tasks) -> str:
        """Name the state of the operator's folders, if one of these tasks lies there."""
        said = (task.get_config("metadata") or {} for task in tasks["tasks"].values())
        sources = [Path(one.get("config_source", "")) for one in said]
        return fingerprint(self._roots) if any(map(self._is_own, sources)) else ""

    def _folder_of(self, name: str) -> Path:
        """Where the paths in a task begin: at its own file, if it is the operator's."""
        file = self._manager.task_index[name].yaml_path
        return file.parent if file is not None and self._is_own(file) else Path.cwd()

    def _is_own(self, file: Path) -> bool:
        return any(file.is_relative_to(root) for root in self._roots)


@cache
def built_in() -> dict[str, Any]:
    """What the harness brings along: over 14,000 files, which take it some 10 s to read."""
    index: dict[str, Any] = TaskManager().task_index
    return index


def _refuse_code(name: str, task: Any) -> None:  # noqa: ANN401 - lm_eval has no types
    """Stop before a task runs code that was not installed with this server.

    Raises:
        TaskRefusedError: says which code.
    """
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskRefusedError(f'Task "{name}" runs code that the model writes.')
    if getattr(task, "MULTIMODAL", False):
        raise TaskRefusedError(f'Task "{name}" needs images or sound.')
    if task.get_config("process_results") is not None:
        return  # it computes its metrics itself
    for metric in task.get_config("metric_list") or []:
        what = metric["metric"]
        if isinstance(what, str) and (metric.get("hf_evaluate") or what not in METRIC_REGISTRY):
            raise _needs_program(name, what)


def _needs_program(name: str, metric: str) -> TaskRefusedError:
    return TaskRefusedError(
        f'Task "{name}" needs the metric "{metric}", whose code would come from the hub.'
    )
