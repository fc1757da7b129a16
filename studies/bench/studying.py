"""Runs one study on the demo model to its end, with as many workers as are asked for."""

import time
from typing import Any, Final

from django.contrib.auth.models import User

from studies.commands.creation import study_create
from studies.models import Job, Profile, Study

Json = dict[str, Any]
LOOK_EVERY: Final = 0.5  # seconds
OVER: Final = (Study.Status.COMPLETED, Study.Status.FAILED, Study.Status.STOPPED)


def run_study(n_workers: int, n_trials: int, trials_per_batch: int, seed: int) -> Json:
    """Start it and wait for the end; when its trials finished, and how many helpers stored."""
    study = study_create(
        User.objects.get(username="admin"),
        model="demo",
        profile=Profile.objects.get(slug="demo"),
        settings={
            "n_workers": n_workers,
            "n_trials": n_trials,
            "trials_per_batch": trials_per_batch,
            "seed": seed,
        },
    )
    while study.status not in OVER:
        time.sleep(LOOK_EVERY)
        study.refresh_from_db()
    finished = study.trials.order_by("finished_at").values_list("finished_at", flat=True)
    helped = Job.objects.filter(study=study, kind=Job.Kind.STUDY_HELP)
    return {
        "status": study.status,
        "finished": [moment.timestamp() for moment in finished],
        "by_helpers": sum((job.result or {}).get("n_trials", 0) for job in helped),
    }
