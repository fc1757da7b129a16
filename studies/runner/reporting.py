"""What the engine says of its progress, as rows."""

import statistics
import time
from collections import deque
from typing import Any

import psutil
import torch
from django.db.models import F

from studies.events import Noted, PhaseChanged, announce_after_commit, event_record
from studies.jobs import Lease, helpers_at_work
from studies.models import Study
from studies.runner.ports import LABELS, PROGRESS_PAUSE

RECENT = 20  # trials whose median gives the ETA


class DatabaseReporter:
    """Writes progress into the study's row, and news as events."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._written = 0.0
        self._phase = ""
        self._speed: float | None = None  # tokens per second
        self._seconds: deque[float] = deque(maxlen=RECENT)
        self.trial: int | None = None

    def phase(self, name: str, *, done: int = 0, total: int = 0) -> None:
        changed = name != self._phase
        self._phase = name
        between_trials = self.trial is None  # inside them, phases alternate quickly: no news
        if changed and between_trials:
            event_record(
                self._lease.study_id, PhaseChanged(phase=name, label=LABELS.get(name, name))
            )
        is_news = between_trials and (changed or done == total)
        if is_news or time.monotonic() - self._written >= PROGRESS_PAUSE:
            self._write(done, total)

    def tokens(self, count: int, seconds: float) -> None:
        if seconds > 0:
            self._speed = count / seconds

    def note(self, text: str) -> None:
        event_record(self._lease.study_id, Noted(text=text))

    def trial_took(self, seconds: float) -> None:
        """Learn how long a trial takes, for the remaining time."""
        self._seconds.append(seconds)

    def _write(self, done: int, total: int) -> None:
        self._written = time.monotonic()
        study = Study.objects.only("n_trials", "n_finished").get(pk=self._lease.study_id)
        left = study.n_trials - study.n_finished
        median = statistics.median(self._seconds) if self._seconds else None
        n_workers = 1 + helpers_at_work(self._lease.study_id).count()
        progress: dict[str, Any] = {
            "phase": self._phase,
            "label": LABELS.get(self._phase, self._phase),
            "done": done,
            "total": total,
            "trial": self.trial,
            "n_trials": study.n_trials,
            "n_finished": study.n_finished,
            "eta_seconds": round(median * left / n_workers, 1) if median is not None else None,
            "n_workers": n_workers,
            "memory": _memory(),
            "tokens_per_second": round(self._speed, 1) if self._speed else None,
        }
        progress_write(self._lease, progress)


def progress_write(lease: Lease, progress: dict[str, Any]) -> None:
    """Replace the study's progress, if the job is still this worker's."""
    own = Study.objects.filter(pk=lease.study_id, jobs__pk=lease.job_id, jobs__fence=lease.fence)
    own.update(progress=progress, progress_count=F("progress_count") + 1)
    announce_after_commit(lease.study_id)


def _memory() -> dict[str, int | None]:
    gpu = torch.cuda.memory_allocated() if torch.cuda.is_available() else None
    return {"ram_bytes": psutil.Process().memory_info().rss, "gpu_bytes": gpu}
