"""What is measured of an arm beside its time: memory, and where the time goes."""

import threading
import time
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

import psutil
import torch
from torch import nn

_PAUSE = 0.02  # seconds between two looks at the process


class PeakMemory:
    """The most memory in use meanwhile: the device's, or this process's on the processor."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._watcher.join()
        if torch.cuda.is_available():
            self.peak = torch.cuda.max_memory_allocated()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.peak = max(self.peak, process.memory_info().rss)
            if self._ended.wait(_PAUSE):
                return


class Phases:
    """How long prompts are read and answers decoded, by the passes of some modules.

    A pass within another is a part of it.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self._modules, self._begun, self._depth = modules, 0.0, 0
        self._seconds: dict[str, float] = defaultdict(float)
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        for module in self._modules:
            before = module.register_forward_pre_hook(self._before, with_kwargs=True)
            after = module.register_forward_hook(self._after, with_kwargs=True, always_call=True)
            self._handles += [before, after]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def shares(self, total: float) -> dict[str, float]:
        """The share of `total` seconds in each phase."""
        known = {name: self._seconds[name] / total for name in ("prompts", "decoding")}
        return {**known, "other": 1 - sum(known.values())}

    def _before(self, module: nn.Module, args: object, kwargs: dict[str, Any]) -> None:
        self._depth += 1
        if self._depth == 1:
            self._begun = now()

    def _after(
        self, module: nn.Module, args: object, kwargs: dict[str, Any], output: object
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            phase = "decoding" if kwargs["input_ids"].shape[1] == 1 else "prompts"
            self._seconds[phase] += now() - self._begun


def now() -> float:
    """Seconds on a clock that waits until the device has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # passes are only queued until then
    return time.perf_counter()
