"""What a user may do, whoever asks: page, API or admin."""

from studies.commands.annotations import answer_label, study_annotate, trial_annotate
from studies.commands.creation import study_create
from studies.commands.jobs import job_cancel, job_set_priority
from studies.commands.prompt_sets import prompt_set_check, prompt_set_create
from studies.commands.studies import study_extend, study_resume, study_start, study_stop

__all__ = [
    "answer_label",
    "job_cancel",
    "job_set_priority",
    "prompt_set_check",
    "prompt_set_create",
    "study_annotate",
    "study_create",
    "study_extend",
    "study_resume",
    "study_start",
    "study_stop",
    "trial_annotate",
]
