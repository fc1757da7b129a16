"""The addresses that are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

API: Final = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Probe:
    """One address; names in braces are places that filling has named."""

    name: str
    path: str
    who: Literal["staff", "member"] = "staff"  # a member sees only what is their own
    counted: bool = True  # whether its queries can be: those of a stream come after the answer

    def at(self, places: Mapping[str, object]) -> str:
        """The address in an installation."""
        return self.path.format_map(places)


PROBES: Final = (
    Probe("studies and what happens now", "/"),
    Probe("studies and what happens now, of a member", "/", who="member"),
    Probe("studies, last page", "/?page=100000"),
    Probe("studies by status", "/?status=failed"),
    Probe("studies by part of the model", "/?model=model-7-"),
    Probe("studies by part of the model, of a member", "/?model=model-7-", who="member"),
    Probe("studies by tag", "/?tag=paper"),
    Probe("studies by part of the name", "/?q=of+seed+5"),
    Probe("studies by a text that none has", "/?q=nothing+like+this"),
    Probe("queue", "/queue/"),
    Probe("queue, of a member", "/queue/", who="member"),
    Probe("study", "/studies/{study}/"),
    Probe("large study", "/studies/{large}/"),
    Probe("analysis of the large study", "/studies/{large}/analysis/"),
    Probe("trial", "/studies/{study}/trials/{trial}/"),
    Probe("last trial of the large study", "/studies/{large}/trials/{last_of_large}/"),
    Probe("new study", "/studies/new"),
    Probe("eight studies compared", "/compare?studies={compared}"),
    Probe("the large study compared", "/compare?studies={large},{study}"),
    Probe("admin: studies", "/admin/studies/study/"),
    Probe("admin: jobs", "/admin/studies/job/"),
    Probe("API: studies", API + "studies"),
    Probe("API: studies, the last 50", API + "studies?offset={end_of_list}"),
    Probe("API: studies by status", API + "studies?status=failed"),
    Probe("API: studies by tag", API + "studies?tag=paper"),
    Probe("API: study", API + "studies/{study}"),
    Probe("API: large study", API + "studies/{large}"),
    Probe("API: 50 trials", API + "studies/{study}/trials"),
    Probe(
        "API: last trials of the large study",
        API + "studies/{large}/trials?offset={last_of_large}",
    ),
    Probe("API: 500 trials of the large study", API + "studies/{large}/trials?limit=500"),
    Probe("API: the front of the large study", API + "studies/{large}/trials?pareto=true"),
    Probe("API: trial", API + "studies/{study}/trials/{trial}"),
    Probe("API: answers of a trial", API + "studies/{study}/trials/{trial}/responses"),
    Probe("API: 50 events", API + "studies/{study}/events?limit=50"),
    Probe("API: figure of the large study", API + "studies/{large}/figures/history"),
    Probe("API: jobs", API + "jobs"),
    Probe("API: queued jobs", API + "jobs?status=queued"),
    Probe("API: trials as CSV", API + "studies/{study}/trials.csv", counted=False),
    Probe(
        "API: trials of the large study as CSV", API + "studies/{large}/trials.csv", counted=False
    ),
    Probe("API: health", API + "health"),
)
