"""lm-evaluation-harness: puts models to tasks."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lm_eval.evaluator import evaluate

from studies.engine.answering import seed_everything
from studies.engine.benchmarks.catalogue import Catalogue, Tasks
from studies.engine.benchmarks.errors import TASK_FAULTS, task_error
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.port import Watch
from studies.engine.benchmarks.quiet import quiet
from studies.engine.benchmarks.scores import scores_of
from studies.engine.benchmarks.watched import WatchedModel
from studies.engine.errors import EngineError
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter, StopSignal

Json = dict[str, Any]
SEED: Final = 1234  # the harness's own: the same examples are shown as elsewhere
BOOTSTRAPS: Final = 1000  # resamples behind a standard error that has no formula

os.environ["DISABLE_MULTIPROC"] = "1"  # a worker of the queue may have no children


class Harness:
    """Puts models to the tasks of lm_eval, and to those of the operator's folders."""

    version: str = version("lm_eval")

    def __init__(self, roots: Sequence[Path]) -> None:
        self._catalogue = Catalogue(roots)
        self._prepared: dict[str, Tasks] = {}

    def prepare(self, names: Sequence[str], reporter: Reporter, stop: StopSignal) -> None:
        """Find the tasks and fetch their data; see `TaskHarness`."""
        reporter.phase("finding tasks")
        self._catalogue.find(names)
        for done, name in enumerate(names):
            stop.check()
            reporter.phase("fetching tasks", done=done, total=len(names))
            self._prepared[name] = self._catalogue.load(name)

    def own_state(self, name: str) -> str:
        """Name the state of the operator's folders, if a task lies there; see `TaskHarness`."""
        return self._catalogue.own_state(self._prepared[name])

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
            with quiet():
                results = evaluate(
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


def _set_examples(task: Any, wanted: int | None) -> None:  # noqa: ANN401 - lm_eval has no types
    """Choose how many solved examples are shown, and draw the same ones each time."""
    own = task.get_config("num_fewshot")
    if wanted is not None and own != 0:
        task.set_config("num_fewshot", wanted)
    elif own is None:
        task.set_config("num_fewshot", 0)
    task.set_fewshot_seed(SEED)
