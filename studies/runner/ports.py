"""What the engine is told and asked while a job that is no study runs."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from studies.engine.ports import Reporter, Silent, Stopped, StopSignal
from studies.jobs import Lease, LeaseLostError

PROGRESS_PAUSE = 0.25  # seconds between two writes of the progress
STOP_PAUSE = 0.2  # seconds between two looks at a stop request

LABELS = {
    "loading": "Loading the model",
    "checking": "Checking what writes to the residual stream",
    "batch size": "Finding the batch size",
    "response prefix": "Looking for a common response prefix",
    "baseline": "Scoring the original model",
    "residuals": "Measuring residuals",
    "good_residuals": "Measuring residuals of the good prompts",
    "bad_residuals": "Measuring residuals of the bad prompts",
    "matrices": "Preparing the matrices",
    "compiling": "Compiling the decoding step",
    "generating": "Generating responses",
    "scoring": "Scoring",
    "prompts": "Fetching prompts",
    "history": "Taking over trials",
    "sampling": "Choosing parameters",
    "writing": "Writing the weights",
    "hashing": "Hashing the original weights",
    "uploading": "Uploading to the hub",
    "committing": "Committing on the hub",
    "converting": "Converting to GGUF",
    "verifying": "Checking that the export scores as the trial did",
    "chatting": "Answering in a chat",
    "held-out original": "Scoring the original on held-out prompts",
    "original": "Scoring the original",
    "finished model": "Scoring the finished model",
    "finding tasks": "Finding the tasks",
    "fetching tasks": "Fetching the tasks' data",
    "geometry_libraries": "Loading the libraries (the first time, they compile for a minute)",
    "geometry": "Measuring the layers",
    "projecting": "Projecting the layers",
    "animating": "Drawing the animation",
}


class JobReporter:
    """Writes progress into the job's row: phase, how far it is, and how long that will take."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._phase = ""
        self._begun = self._written = 0.0
        self._speed: float | None = None  # tokens per second

    def phase(self, name: str, *, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if changed := name != self._phase:
            self._phase, self._begun = name, now
        if changed or done == total or now - self._written >= PROGRESS_PAUSE:
            self._written = now
            self.store(
                {
                    "phase": name,
                    "label": LABELS.get(name, name[:1].upper() + name[1:]),
                    "done": done,
                    "total": total,
                    "eta_seconds": self._eta(done, total, now),
                    "tokens_per_second": round(self._speed, 1) if self._speed else None,
                }
            )

    def store(self, progress: Mapping[str, Any]) -> None:
        """Put progress where it is shown."""
        self._lease.report(progress)

    def tokens(self, count: int, seconds: float) -> None:
        if seconds > 0:
            self._speed = count / seconds

    def note(self, text: str) -> None:
        """Say nothing: what is noted of a model belongs to its study, which has it already."""

    def _eta(self, done: int, total: int, now: float) -> float | None:
        if not 0 < done <= total:
            return None
        return round((now - self._begun) / done * (total - done), 1)


class TrialReporter(Reporter, Protocol):
    """Where trials say which of them is under way, and how long they took."""

    trial: int | None

    def trial_took(self, seconds: float) -> None:
        """Learn how long a trial took."""


class HelpReporter(JobReporter):
    """Writes into its own job's row what a helper does; the study's own progress is its run's."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(lease)
        self.trial: int | None = None

    def store(self, progress: Mapping[str, Any]) -> None:
        super().store({**progress, "trial": self.trial})

    def trial_took(self, seconds: float) -> None:
        """Say nothing: the study's run tells how long all of it will take."""


class LeaseStop:
    """Reads the user's wish that a job ends, and the loss of its lease."""

    def __init__(
        self, lease: Lease, lease_lost: threading.Event, is_asked: Callable[[], bool]
    ) -> None:
        self._lease = lease
        self._lease_lost = lease_lost
        self._is_asked = is_asked
        self._looked = 0.0

    def check(self) -> None:
        if self._lease_lost.is_set():
            raise LeaseLostError(str(self._lease.job_id))
        if time.monotonic() - self._looked < STOP_PAUSE:
            return
        self._looked = time.monotonic()
        if self._is_asked():
            raise Stopped


class Switchboard:
    """The reporter and stop signal of a session that outlives a job: those of the job using it."""

    def __init__(self) -> None:
        self._reporter: Reporter = Silent()
        self._stop: StopSignal = Silent()

    def connect(self, reporter: Reporter, stop: StopSignal) -> None:
        """Speak for another job from now on."""
        self._reporter, self._stop = reporter, stop

    def disconnect(self) -> None:
        """Speak for nobody."""
        self.connect(Silent(), Silent())

    def phase(self, name: str, *, done: int = 0, total: int = 0) -> None:
        self._reporter.phase(name, done=done, total=total)

    def tokens(self, count: int, seconds: float) -> None:
        self._reporter.tokens(count, seconds)

    def note(self, text: str) -> None:
        self._reporter.note(text)

    def check(self) -> None:
        self._stop.check()
