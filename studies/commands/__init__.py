"""What a user may do, whoever asks: page, API or admin."""

from studies.commands.creation import study_create
from studies.commands.enqueuing import study_enqueue
from studies.commands.forks import study_fork
from studies.commands.jobs import job_cancel, job_set_priority
from studies.commands.prompt_sets import prompt_set_check, prompt_set_create
from studies.commands.studies import study_extend, study_resume, study_start, study_stop

__all__ = [
    "job_cancel",
    "job_set_priority",
    "prompt_set_check",
    "prompt_set_create",
    "study_create",
    "study_enqueue",
    "study_extend",
    "study_fork",
    "study_resume",
    "study_start",
    "study_stop",
]
