"""Read access: what a user may see, and the shapes in which pages and API show it."""

from studies.selectors.access import jobs_visible_to, profiles_active, studies_visible_to
from studies.selectors.answers import (
    FILTERS,
    agreements,
    answer_out,
    filter_counts,
    trial_answers,
)
from studies.selectors.dashboard import dashboard
from studies.selectors.queue import job_out, queue_places, queue_rows, workers_seen
from studies.selectors.studies import (
    HEAVY,
    events_after,
    objectives,
    recent_models,
    recommended_number,
    study_state,
    study_summary,
    tags_in_use,
)
from studies.selectors.trials import (
    baseline_responses,
    trial_detail,
    trial_out,
    trial_responses,
    trial_rows,
    trials_of,
)

__all__ = [
    "FILTERS",
    "HEAVY",
    "agreements",
    "answer_out",
    "baseline_responses",
    "dashboard",
    "events_after",
    "filter_counts",
    "job_out",
    "jobs_visible_to",
    "objectives",
    "profiles_active",
    "queue_places",
    "queue_rows",
    "recent_models",
    "recommended_number",
    "studies_visible_to",
    "study_state",
    "study_summary",
    "tags_in_use",
    "trial_answers",
    "trial_detail",
    "trial_out",
    "trial_responses",
    "trial_rows",
    "trials_of",
    "workers_seen",
]
