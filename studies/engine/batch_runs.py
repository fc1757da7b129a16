"""Running work on all rows, batch by batch, in smaller ones where memory asks for it.

Batches may be refilled: the last rows of one are finished beside the first of the next. Where not
all rows fit at once, a batch would otherwise run on with few rows until its longest answer ends,
while others wait.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from studies.engine.batching import BatchLimit, OutOfMemory, Progress, attempt
from studies.engine.prompts import TokenBatch

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Refillable(Protocol[Result_co]):
    """Work that may leave some rows to be finished beside those of the next batch."""

    @property
    def unfinished(self) -> Sequence[int]:
        """The indices of the rows that it has left."""

    def forget(self) -> None:
        """Give up what it has left: those rows are begun again."""

    def __call__(self, batch: TokenBatch, *, more: bool) -> Result_co:
        """What was finished; `more`: other batches follow, rows may be left for them."""


def run_refilled(
    batches: Sequence[TokenBatch],
    work: Refillable[Result_co],
    *,
    limit: BatchLimit,
    progress: Progress,
) -> Iterator[Result_co]:
    """Run `work` on every row, in batches that leave room for the rows that it has left.

    Raises:
        Stopped: the host wants to end; asked before each batch.
        DeviceMemoryError: a single row does not fit.
    """
    waiting, begun = deque(batches), list[TokenBatch]()
    total = sum(map(len, batches))
    progress.reporter.phase(progress.phase, done=0, total=total)
    while waiting:
        progress.stop.check()
        first, *rest = limit.cut(waiting.popleft(), beside=len(work.unfinished))
        waiting.extendleft(rest)
        more = limit.refills and bool(waiting)
        result = attempt(lambda batch=first, more=more: work(batch, more=more))  # type: ignore[misc]
        if isinstance(result, OutOfMemory):
            waiting.appendleft(first)
            if work.unfinished:  # they take memory: do without, before batches get smaller
                limit.refills = False
                work.forget()
                waiting.extendleft(begun)
                begun = []
            else:
                limit.halve(len(first))
            continue
        begun = _among(work.unfinished, [*begun, first])
        done = total - sum(map(len, [*waiting, *begun]))
        progress.reporter.phase(progress.phase, done=done, total=total)
        yield result


def run_batches(
    batches: Sequence[TokenBatch],
    work: Callable[[TokenBatch], Result],
    *,
    limit: BatchLimit,
    progress: Progress,
) -> Iterator[tuple[TokenBatch, Result]]:
    """Run `work` on every row, and each batch to its end; raises as `run_refilled` does."""
    return run_refilled(batches, _Whole(work), limit=limit, progress=progress)


class _Whole(Generic[Result]):
    """Work that leaves nothing."""

    unfinished: Sequence[int] = ()

    def __init__(self, work: Callable[[TokenBatch], Result]) -> None:
        self._work = work

    def forget(self) -> None:
        raise AssertionError("nothing was left")

    def __call__(self, batch: TokenBatch, *, more: bool) -> tuple[TokenBatch, Result]:
        return batch, self._work(batch)


def _among(indices: Sequence[int], batches: Sequence[TokenBatch]) -> list[TokenBatch]:
    """The rows of some batches that have one of these indices."""
    wanted = set(indices)
    rows = [[row for row, index in enumerate(one.indices) if index in wanted] for one in batches]
    pairs = zip(batches, rows, strict=True)
    return [batch.picked(some).trimmed() for batch, some in pairs if some]
