"""What the worker asks of a benchmark harness; light, so that it is loaded only when needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.ports import Reporter, StopSignal

if TYPE_CHECKING:
    from studies.engine.model import LoadedModel

Json = dict[str, Any]
# lm_eval takes seconds to import: no worker pays for it before its first benchmark.
IMPLEMENTATION: Final = "studies.engine.benchmarks.harness:Harness"


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom to tell how far a task is, under which name, and whom to ask whether to go on."""

    reporter: Reporter
    stop: StopSignal
    phase: str


class TaskHarness(Protocol):
    """Puts models to tasks, some of which lie in the operator's folders."""

    version: str

    def __init__(self, roots: Sequence[Path]) -> None: ...

    def prepare(self, names: Sequence[str], reporter: Reporter, stop: StopSignal) -> None:
        """Find the tasks of these names and fetch their data.

        Raises:
            Stopped: the host wants to end.
            TaskUnknownError: there are no such tasks; names all of them.
            TaskError: a task cannot be used, or its data cannot be had.
        """

    def own_state(self, name: str) -> str:
        """Name the present state of the operator's folders, if a prepared task lies there."""

    def run(
        self,
        name: str,
        loaded: "LoadedModel",
        options: BenchmarkOptions,
        *,
        batch_size: int,
        watch: Watch,
    ) -> list[Json]:
        """Put a model, as it is now, to a task that was prepared.

        Returns its scores, and those of the tasks that it consists of, as `results` reads them.

        Raises:
            Stopped: the host wants to end; asked at each step of the model.
            TaskError: the task cannot be done with this model.
            DeviceMemoryError: a single example does not fit.
        """


def load_harness(roots: Sequence[Path]) -> TaskHarness:
    """Load lm-evaluation-harness."""
    harness: TaskHarness = cast(type[TaskHarness], resolve_name(IMPLEMENTATION))(roots)
    return harness
