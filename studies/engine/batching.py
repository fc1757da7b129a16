"""How many prompts run at once: found by trying, halved when memory runs out."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil
import torch

from studies.engine.errors import DeviceMemoryError
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch

Result = TypeVar("Result")

# What allocators say that do not raise torch.OutOfMemoryError (the CPU's and Apple's).
_MEMORY_MESSAGES = ("can't allocate memory", "not enough memory", "out of memory")
_BETTER = 1.05  # twice as many trials at once have to be so much faster to be worth their memory
_WORSE = 0.95  # two sizes in a row below this share of the best speed end the probing
PROBE_BUDGET = 30.0  # seconds; the next, larger probe is not begun after this long


@dataclass(slots=True)
class BatchLimit:
    """The largest batch that has not run out of memory, shared by all work of a session."""

    size: int | None = None  # rows of one trial; None: nothing is known yet
    sets: int = 1  # trials that run side by side, each with `size` rows
    most: int | None = None  # rows in all, once a larger batch has run out of memory
    refills: bool = True  # rows may wait in memory for the next batch

    @property
    def rows(self) -> int | None:
        """How many rows may run at once; None: nothing is known yet."""
        if self.size is None or self.most is None:
            return self.size and self.size * self.sets
        return min(self.size * self.sets, self.most)

    def fit(self, batch: TokenBatch) -> list[TokenBatch]:
        if self.rows is None or len(batch) <= self.rows:
            return [batch]
        return batch.chunks(self.rows)

    def cut(self, batch: TokenBatch, *, beside: int) -> list[TokenBatch]:
        """What fits of a batch beside so many other rows, and the rest, if there is any."""
        room = len(batch) if self.rows is None else max(1, self.rows - beside)
        return batch.cut(room)

    def halve(self, failed: int) -> None:
        """Take note that a batch of `failed` rows did not fit.

        Raises:
            DeviceMemoryError: it was a single row.
        """
        if failed <= 1:
            raise DeviceMemoryError("Out of memory with a single prompt at a time.")
        self.most = failed // 2
        self.size = min(self.size or self.most, self.most)


class TrialsAtOnce:
    """How many trials run side by side: doubled as long as that makes them faster.

    It learns from the trials themselves, so finding out costs nothing.
    """

    def __init__(self, fixed: int, most: int) -> None:
        """`fixed` 0: found out, up to `most`."""
        self.most = min(fixed, most) if fixed else most
        self.count = self.most if fixed else 1
        self._settled = fixed > 0
        self._best = (0.0, 1)  # trials per second, at how many

    def took(self, count: int, seconds: float) -> None:
        """Learn how long that many trials took together."""
        if self._settled or count < self.count:
            return
        speed, known = count / max(seconds, 1e-9), self._best[0]
        if speed < _BETTER * known:
            self.count, self._settled = self._best[1], True
            return
        self._best = (speed, count)
        self._settled = count >= self.most
        self.count = min(2 * count, self.most)

    def failed(self) -> None:
        """Half as many ran into trouble that they would not have had alone."""
        self.count, self._settled = max(1, self.count // 2), True


@dataclass(frozen=True, slots=True)
class Progress:
    """Whom to tell of each batch, under which name, and whom to ask whether to go on."""

    reporter: Reporter
    stop: StopSignal
    phase: str


class OutOfMemory:
    """The result of work that did not fit."""


def attempt(work: Callable[[], Result]) -> Result | OutOfMemory:
    """The work's result; out of memory is told only once everything it held is free again."""
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside the handler: its traceback would keep the tensors of the failed call alive.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return OutOfMemory()


def free_memory(device: torch.device) -> int:
    """Bytes that are free where a model computes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(text in message for text in _MEMORY_MESSAGES)


def choose_batch_size(
    probe: Callable[[int], int],
    *,
    largest: int,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """The size, of 1, 2, 4 … `largest`, at which `probe(size)` makes most tokens per second.

    `probe` generates with that many prompts and returns the tokens made. The first size that
    runs out of memory ends the search, and so does a speed that has stopped growing.

    Raises:
        DeviceMemoryError: not even one prompt fits.
    """
    speeds: dict[int, float] = {}
    begun, sizes = clock(), _doublings(largest)
    for index, size in enumerate(sizes):
        progress.stop.check()
        progress.reporter.phase(progress.phase, done=index, total=len(sizes))
        speed = attempt(lambda size=size: _speed(probe, size, clock))  # type: ignore[misc]
        if isinstance(speed, OutOfMemory):
            break
        speeds[size] = speed
        if _stopped_growing(list(speeds.values())) or clock() - begun > PROBE_BUDGET:
            break
    if not speeds:
        raise DeviceMemoryError("Out of memory with a single prompt at a time.")
    progress.reporter.phase(progress.phase, done=len(sizes), total=len(sizes))
    return max(speeds, key=lambda size: speeds[size])


def _doublings(largest: int) -> list[int]:
    """1, 2, 4 … and at last `largest` itself: a whole prompt set may fit in one batch."""
    sizes = [2**power for power in range(largest.bit_length()) if 2**power < largest]
    return [*sizes, largest]


def _speed(probe: Callable[[int], int], size: int, clock: Callable[[], float]) -> float:
    if size == 1:
        probe(1)  # the first call of all also pays for what is set up lazily
    begun = clock()
    return probe(size) / max(clock() - begun, 1e-9)


def _stopped_growing(speeds: Sequence[float]) -> bool:
    return len(speeds) > 2 and max(speeds[-2:]) < _WORSE * max(speeds)
