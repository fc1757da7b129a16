"""What a user may do, whoever asks: page, API or admin."""

from studies.commands.creation import study_create
from studies.commands.jobs import job_cancel, job_set_priority
from studies.commands.preset_files import (
    ImportResult,
    profile_heretic_toml,
    profile_import,
    profile_toml,
)
from studies.commands.prompt_sets import prompt_set_check, prompt_set_create
from studies.commands.studies import study_extend, study_resume, study_start, study_stop

__all__ = [
    "ImportResult",
    "job_cancel",
    "job_set_priority",
    "profile_heretic_toml",
    "profile_import",
    "profile_toml",
    "prompt_set_check",
    "prompt_set_create",
    "study_create",
    "study_extend",
    "study_resume",
    "study_start",
    "study_stop",
]
