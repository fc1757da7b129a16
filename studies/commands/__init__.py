"""What a user may do, whoever asks: page, API or admin."""

from studies.commands.annotations import answer_label, study_annotate, trial_annotate
from studies.commands.benchmarks import benchmark_create, benchmark_delete
from studies.commands.cards import card_update
from studies.commands.chats import chat_create, chat_delete, chat_stop, chat_turn
from studies.commands.creation import study_create
from studies.commands.enqueuing import study_enqueue
from studies.commands.evaluations import evaluation_create
from studies.commands.exports import export_create, export_delete, export_reproduce
from studies.commands.forks import study_fork
from studies.commands.geometry import geometry_start
from studies.commands.jobs import job_cancel, job_set_priority
from studies.commands.notices import (
    notice_target_create,
    notice_target_test,
    notice_target_update,
)
from studies.commands.overrides import override_create, override_delete, override_update
from studies.commands.preset_files import (
    ImportResult,
    profile_heretic_toml,
    profile_import,
    profile_toml,
)
from studies.commands.preset_versions import profile_restore
from studies.commands.presets import (
    profile_copy_names,
    profile_create,
    profile_delete,
    profile_duplicate,
    profile_update,
)
from studies.commands.prompt_sets import prompt_set_check, prompt_set_create
from studies.commands.reproduction import reproduction_create
from studies.commands.rescoring import rescore_create
from studies.commands.studies import study_extend, study_resume, study_start, study_stop
from studies.commands.uploads import UploadRequest, upload_create

__all__ = [
    "ImportResult",
    "UploadRequest",
    "answer_label",
    "benchmark_create",
    "benchmark_delete",
    "card_update",
    "chat_create",
    "chat_delete",
    "chat_stop",
    "chat_turn",
    "evaluation_create",
    "export_create",
    "export_delete",
    "export_reproduce",
    "geometry_start",
    "job_cancel",
    "job_set_priority",
    "notice_target_create",
    "notice_target_test",
    "notice_target_update",
    "override_create",
    "override_delete",
    "override_update",
    "profile_copy_names",
    "profile_create",
    "profile_delete",
    "profile_duplicate",
    "profile_heretic_toml",
    "profile_import",
    "profile_restore",
    "profile_toml",
    "profile_update",
    "prompt_set_check",
    "prompt_set_create",
    "reproduction_create",
    "rescore_create",
    "study_annotate",
    "study_create",
    "study_enqueue",
    "study_extend",
    "study_fork",
    "study_resume",
    "study_start",
    "study_stop",
    "trial_annotate",
    "upload_create",
]
