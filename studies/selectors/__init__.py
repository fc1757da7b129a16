"""Read access: what a user may see, and the shapes in which pages and API show it."""

from studies.selectors.access import jobs_visible_to, profiles_active, studies_visible_to
from studies.selectors.answers import (
    FILTERS,
    agreements,
    answer_out,
    filter_counts,
    trial_answers,
)
from studies.selectors.benchmarks import (
    benchmark_choices,
    benchmark_out,
    benchmark_overview,
    benchmarks_of,
    benchmarks_visible_to,
)
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
from studies.selectors.dashboard import dashboard
from studies.selectors.exports import (
    export_file,
    export_out,
    export_strategies,
    exports_of,
    exports_visible_to,
)
from studies.selectors.geometry import (
    geometry_animation,
    geometry_out,
    geometry_table,
    projection_out,
)
from studies.selectors.notices import (
    notice_deliveries_of,
    notice_target_out,
    notice_targets_of,
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
    HEAVY,
    events_after,
    objectives,
    recent_models,
    recommended_number,
    studies_open,
    studies_with_trials,
    study_state,
    study_summary,
    tags_in_use,
)
from studies.selectors.trials import (
    DETAILED,
    baseline_responses,
    trial_brief,
    trial_detail,
    trial_out,
    trial_responses,
    trial_rows,
    trials_of,
)
from studies.selectors.uploads import upload_out, uploads_of
from studies.selectors.waiting import waiting_out, waiting_trials

__all__ = [
    "DETAILED",
    "FILTERS",
    "HEAVY",
    "active_turn",
    "agreements",
    "answer_out",
    "baseline_responses",
    "benchmark_choices",
    "benchmark_out",
    "benchmark_overview",
    "benchmarks_of",
    "benchmarks_visible_to",
    "chat_events_after",
    "chat_out",
    "chat_row",
    "chat_start",
    "chats_visible_to",
    "comparison",
    "dashboard",
    "events_after",
    "export_file",
    "export_out",
    "export_strategies",
    "exports_of",
    "exports_visible_to",
    "filter_counts",
    "geometry_animation",
    "geometry_out",
    "geometry_table",
    "job_out",
    "jobs_visible_to",
    "notice_deliveries_of",
    "notice_target_out",
    "notice_targets_of",
    "objectives",
    "override_document",
    "preset_document",
    "profiles_active",
    "projection_out",
    "queue_places",
    "queue_rows",
    "recent_models",
    "recommended_number",
    "studies_open",
    "studies_visible_to",
    "studies_with_trials",
    "study_places",
    "study_state",
    "study_summary",
    "tags_in_use",
    "trial_answers",
    "trial_brief",
    "trial_detail",
    "trial_out",
    "trial_responses",
    "trial_rows",
    "trials_of",
    "turn_out",
    "upload_out",
    "uploads_of",
    "waiting_out",
    "waiting_trials",
    "workers_seen",
]
