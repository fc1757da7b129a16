"""What a user may do, whoever asks: page, API or admin."""

from studies.commands.creation import study_create
from studies.commands.exports import export_create, export_delete, export_reproduce
from studies.commands.jobs import job_cancel, job_set_priority
from studies.commands.prompt_sets import prompt_set_check, prompt_set_create
from studies.commands.reproduction import reproduction_create
from studies.commands.studies import study_extend, study_resume, study_start, study_stop

__all__ = [
    "export_create",
    "export_delete",
    "export_reproduce",
    "job_cancel",
    "job_set_priority",
    "prompt_set_check",
    "prompt_set_create",
    "reproduction_create",
    "study_create",
    "study_extend",
    "study_resume",
    "study_start",
    "study_stop",
]
