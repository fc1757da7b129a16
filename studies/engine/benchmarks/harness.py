"""lm-evaluation-harness: finds tasks, fetches their data, puts models to them.

No code comes from the hub: data sets are data, metrics that would be fetched are refused, and
tasks that run what the model writes are too. A task's own functions come from the installed
package or from the operator's folders.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import datasets
import evaluate
from huggingface_hub.errors import HfHubHTTPError
from lm_eval.api.registry import METRIC_REGISTRY
from lm_eval.evaluator import evaluate as run_tasks
from lm_eval.tasks import TaskManager

from studies.engine.answering import seed_everything
from studies.engine.benchmarks.errors import (
    TASK_FAULTS,
    TaskRefusedError,
    TaskUnknownError,
    data_error,
    task_error,
)
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.own_tasks import fingerprint
from studies.engine.benchmarks.port import Watch
from studies.engine.benchmarks.scores import scores_of
from studies.engine.benchmarks.watched import WatchedModel
from studies.engine.errors import EngineError
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal

Json = dict[str, Any]
SEED: Final = 1234  # the harness's own: the same examples are shown as elsewhere
BOOTSTRAPS: Final = 1000  # resamples behind a standard error that has no formula
DATA_FAULTS: Final = (OSError, HfHubHTTPError, datasets.exceptions.DatasetsError)

evaluate.config.HF_EVALUATE_OFFLINE = True  # its metrics are programs of the hub's
os.environ["DISABLE_MULTIPROC"] = "1"  # a worker of the queue may have no children


class Harness:
    """Puts models to the tasks of lm_eval, and to those of the operator's folders."""

    version: str = version("lm_eval")

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root for root in roots if root.is_dir()]
        self._manager = TaskManager(include_path=self._roots, include_defaults=False)
        self._prepared: dict[str, Any] = {}

    def prepare(self, names: Sequence[str], reporter: Reporter, stop: StopSignal) -> None:
        """Find the tasks and fetch their data; see `TaskHarness`."""
        reporter.phase("finding tasks")
        self._find(names)
        for done, name in enumerate(names):
            stop.check()
            reporter.phase("fetching tasks", done=done, total=len(names))
            self._prepared[name] = self._load(name)

    def run(
        self,
        name: str,
        loaded: LoadedModel,
        options: BenchmarkOptions,
        *,
        batch_size: int,
        watch: Watch,
    ) -> list[Json]:
        """Put a model to a task; see `TaskHarness`."""
        prepared = self._prepared[name]
        for task in prepared["tasks"].values():
            _set_examples(task, options.num_fewshot)
        seed_everything(SEED)
        try:
            with _quiet():
                results = run_tasks(
                    WatchedModel(loaded, batch_size=batch_size, watch=watch),
                    prepared,
                    limit=options.limit,
                    bootstrap_iters=BOOTSTRAPS,
                    log_samples=False,
                    apply_chat_template=options.apply_chat_template,
                    fewshot_as_multiturn=options.apply_chat_template,
                )
        except EngineError:
            raise
        except TASK_FAULTS as error:
            raise task_error(name, error) from error
        return scores_of(name, results)

    def own_state(self, name: str) -> str:
        """Name the state of the operator's folders, if a task lies there; see `TaskHarness`."""
        tasks = self._prepared[name]["tasks"].values()
        sources = ((task.get_config("metadata") or {}).get("config_source", "") for task in tasks)
        is_own = any(self._is_own(Path(source)) for source in sources)
        return fingerprint(self._roots) if is_own else ""

    def _find(self, names: Sequence[str]) -> None:
        """Make sure that all names are known.

        Raises:
            TaskUnknownError: some are not.
        """
        # A group of the operator's may consist of the harness's tasks.
        if not {*names} <= {*self._manager.all_subtasks}:
            own = self._manager.task_index
            own.update({name: one for name, one in built_in().items() if name not in own})
        known = list(self._manager.task_index)
        if unknown := [name for name in names if name not in self._manager.task_index]:
            raise TaskUnknownError(unknown, known)

    def _load(self, name: str) -> dict[str, Any]:
        try:
            with _quiet(), chdir(self._folder_of(name)):
                found: dict[str, Any] = self._manager.load(name)
        except DATA_FAULTS as error:
            raise data_error(name, error) from error
        except TASK_FAULTS as error:
            raise task_error(name, error) from error
        for task in found["tasks"].values():
            _refuse_code(name, task)
        return found

    def _folder_of(self, name: str) -> Path:
        """Where paths of a task begin: at its own file, if it is the operator's."""
        file = self._manager.task_index[name].yaml_path
        return file.parent if file is not None and self._is_own(file) else Path.cwd()

    def _is_own(self, file: Path) -> bool:
        return any(file.is_relative_to(root) for root in self._roots)


@cache
def built_in() -> dict[str, Any]:
    """What the harness brings along: over 14,000 files, which take it some 10 s to read."""
    index: dict[str, Any] = TaskManager().task_index
    return index


def _set_examples(task: Any, wanted: int | None) -> None:  # noqa: ANN401 - lm_eval has no types
    """Choose how many solved examples are shown, and draw the same ones each time."""
    own = task.get_config("num_fewshot")
    if wanted is not None and own != 0:
        task.set_config("num_fewshot", wanted)
    elif own is None:
        task.set_config("num_fewshot", 0)
    task.set_fewshot_seed(SEED)


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
        return  # which computes its metrics itself
    for metric in task.get_config("metric_list") or []:
        what = metric["metric"]
        if isinstance(what, str) and (metric.get("hf_evaluate") or what not in METRIC_REGISTRY):
            raise TaskRefusedError(
                f'Task "{name}" needs the metric "{what}", whose code would come from the hub.'
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the harness prints, and its progress bars, out of the worker's log."""
    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            yield
    finally:
        if not bars:
            datasets.enable_progress_bars()
