"""Many trials in one process, to see whether it keeps memory that it should give up."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import psutil

from studies.engine.bench.arms import ProductArm
from studies.engine.bench.setup import Setup

WARM = 50  # trials, after which a process should have all that it needs
LIMIT = 0.02  # of growth after them


@dataclass(frozen=True, slots=True)
class Soak:
    """The memory of this process after each batch of trials."""

    n_trials: int
    at_once: int
    resident: list[int]  # bytes

    @property
    def growth(self) -> float:
        """How much more the last tenth of the batches holds than those after the warm-up."""
        warm = self.resident[WARM // self.at_once :]
        few = max(1, len(warm) // 10)
        return median(warm[-few:]) / median(warm[:few]) - 1


def soak(setup: Setup, at_once: int, tell: Callable[[str], None]) -> Soak:
    """Score all trials of a comparison, side by side, in one session."""
    arm = ProductArm(setup, at_once)
    trials = [trial for part in setup.rounds for trial in part]
    process, resident = psutil.Process(), list[int]()
    for begin in range(0, len(trials), at_once):
        arm.trials(trials[begin : begin + at_once])
        resident.append(process.memory_info().rss)
        done = min(begin + at_once, len(trials))
        if done % WARM < at_once:
            tell(f"{done} trials: {resident[-1] / 2**20:.1f} MiB")
    return Soak(len(trials), at_once, resident)
