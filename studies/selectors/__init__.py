"""Read access: what a user may see, and the shapes in which pages and API show it."""

from studies.selectors.access import jobs_visible_to, profiles_active, studies_visible_to
from studies.selectors.chats import (
    active_turn,
    chat_events_after,
    chat_out,
    chat_row,
    chat_start,
    chats_visible_to,
    turn_out,
)
from studies.selectors.compare import comparison
from studies.selectors.exports import (
    export_file,
    export_out,
    export_strategies,
    exports_of,
    exports_visible_to,
)
from studies.selectors.presets import override_document, preset_document
from studies.selectors.queue import (
    job_out,
    queue_places,
    queue_rows,
    study_places,
    workers_seen,
)
from studies.selectors.studies import (
    events_after,
    recent_models,
    studies_open,
    studies_with_trials,
    study_state,
    study_summary,
)
from studies.selectors.trials import (
    baseline_responses,
    trial_detail,
    trial_out,
    trial_responses,
    trial_rows,
    trials_of,
)
from studies.selectors.waiting import waiting_out, waiting_trials

__all__ = [
    "active_turn",
    "baseline_responses",
    "chat_events_after",
    "chat_out",
    "chat_row",
    "chat_start",
    "chats_visible_to",
    "comparison",
    "events_after",
    "export_file",
    "export_out",
    "export_strategies",
    "exports_of",
    "exports_visible_to",
    "job_out",
    "jobs_visible_to",
    "override_document",
    "preset_document",
    "profiles_active",
    "queue_places",
    "queue_rows",
    "recent_models",
    "studies_open",
    "studies_visible_to",
    "studies_with_trials",
    "study_places",
    "study_state",
    "study_summary",
    "trial_detail",
    "trial_out",
    "trial_responses",
    "trial_rows",
    "trials_of",
    "turn_out",
    "waiting_out",
    "waiting_trials",
    "workers_seen",
]
