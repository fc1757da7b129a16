"""The pages: server-rendered from the selectors, made live by the scripts in static/studies."""

from studies.views.account import account_notifications
from studies.views.chats import trial_chat
from studies.views.compare import study_compare
from studies.views.creation import study_new
from studies.views.evaluations import evaluations
from studies.views.exports import export_detail
from studies.views.geometry import study_geometry
from studies.views.queue import work_queue
from studies.views.reproduction import study_reproduce
from studies.views.studies import study_analysis, study_detail, study_list
from studies.views.trials import trial_detail

__all__ = [
    "account_notifications",
    "evaluations",
    "export_detail",
    "study_analysis",
    "study_compare",
    "study_detail",
    "study_geometry",
    "study_list",
    "study_new",
    "study_reproduce",
    "trial_chat",
    "trial_detail",
    "work_queue",
]
