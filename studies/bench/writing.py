"""Appends events to a study as a worker does: each in a transaction of its own."""

import time
from typing import Any, Final
from uuid import UUID

from studies.events import TrialFinished, event_record
from studies.models import Study, Trial
from studies.selectors import trial_out, trials_of

Json = dict[str, Any]
N_DIFFERENT: Final = 50  # trials that events tell of, in turns


def write_events(study: str, count: int, per_second: float | None = None) -> Json:
    """Append this many events, as fast as it goes or at a steady rate; return the seconds.

    The time of an event is that of its making, before it is committed.
    """
    finished = trials_of(Study.objects.get(pk=study)).filter(state=Trial.State.COMPLETE)
    told = [trial_out(trial) for trial in finished[:N_DIFFERENT]]
    front = [trial["number"] for trial in told if trial["pareto"]]
    begun = time.perf_counter()
    for number in range(count):
        if per_second:
            time.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
        trial = told[number % len(told)]
        event_record(UUID(study), TrialFinished(trial=trial, front=front, n_finished=number))
    return {"seconds": time.perf_counter() - begun}
