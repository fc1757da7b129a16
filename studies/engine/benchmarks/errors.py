"""What can go wrong with a task, in words for the user."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from jinja2 import TemplateError

from studies.engine.errors import EngineError
from studies.engine.problems import SHOWN_CHARACTERS

# What a task's own files and templates raise. Faults of the host, such as its database's, are
# none of these: they have to reach it as they are.
TASK_FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError,
    RuntimeError, SyntaxError, TemplateError, TypeError, ValueError,
)  # fmt: skip
_REASON_CHARACTERS: Final = 300
_NEAR: Final = 3  # names that are suggested


class TaskError(EngineError):
    """A task that cannot be used, or not with this model; the message names it."""

    code = "benchmark_task_failed"


class TaskUnknownError(TaskError):
    """Tasks that neither the harness nor the operator's folders have."""

    code = "benchmark_task_unknown"

    def __init__(self, unknown: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(" ".join(_unknown(name, known) for name in unknown))


class TaskRefusedError(TaskError):
    """A task that would do what is not allowed here."""

    code = "benchmark_task_refused"
    advice = "Choose another task."


class TaskDataError(TaskError):
    """A task whose data cannot be had."""

    code = "benchmark_data_missing"
    advice = (
        "Check the worker's connection to the hub, or choose tasks whose data is on this machine."
    )


def task_error(name: str, error: BaseException) -> TaskError:
    """Return the engine's error for what a task raised."""
    return TaskError(f'Task "{name}" failed: {type(error).__name__}: {_reason(error)}')


def data_error(name: str, error: BaseException) -> TaskDataError:
    """Return the engine's error for what fetching the data of a task raised."""
    return TaskDataError(f'Task "{name}": its data cannot be had: {_reason(error)}')


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name[:SHOWN_CHARACTERS], known, n=_NEAR)
    hint = f"did you mean {' or '.join(near)}?" if near else "no name is like it."
    return f'There is no task "{name}"; {hint}'


def _reason(error: BaseException) -> str:
    """The first line of a message, and of what caused it where that says more."""
    links = dict.fromkeys(filter(None, map(_first_line, _causes(error))))
    return ("; ".join(links) or type(error).__name__)[:_REASON_CHARACTERS]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__
