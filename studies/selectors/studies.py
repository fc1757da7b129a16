"""Studies in the shapes that pages and API show."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from studies.engine.recommendation import recommended
from studies.models import Study, StudyEvent, StudyTag, Trial
from studies.models.study import StudyStatus as Status
from studies.objectives import objectives_of, spans_of
from studies.selectors.access import User, studies_visible_to
from studies.selectors.queue import study_places
from studies.selectors.waiting import waiting_trials

Json = dict[str, Any]
HEAVY = ("snapshot", "facts", "baseline")  # columns that no list of studies needs

ACTIONS: dict[str, list[str]] = {
    Status.DRAFT: ["start"],
    Status.QUEUED: ["stop", "extend"],
    Status.RUNNING: ["stop", "extend"],
    Status.STOPPING: [],
    Status.STOPPED: ["resume", "extend"],
    Status.FAILED: ["resume"],
    Status.COMPLETED: ["extend"],
}


def events_after(study_id: UUID, number: int) -> QuerySet[StudyEvent]:
    """Return a study's events after the one with that number, in order."""
    return StudyEvent.objects.filter(study_id=study_id, number__gt=number).order_by("number")


def study_state(study: Study) -> Json:
    """Everything that a study's page shows besides trials and responses."""
    snapshot = study.snapshot
    error = {"code": study.error_code, "message": study.error, "advice": study.error_advice}
    return {
        **study_summary(study),
        "event_count": study.event_count,
        "error": error if study.error else None,
        "progress": study.progress,
        "objectives": objectives(study),
        "baseline": study.baseline,
        "facts": study.facts,
        "n_layers": study.n_layers,
        "remarks": _remarks(study),
        "recommended": recommended_number(study),
        "actions": ACTIONS[study.status],
        "fork": snapshot.get("fork"),
        "waiting": waiting_trials(study),
        "resolved": {"parameters": snapshot["parameters"], "settings": snapshot["settings"]},
        "prompts": snapshot["prompts"],
    }


def study_summary(study: Study, places: Mapping[Any, int] | None = None) -> Json:
    """A study as a list shows it; needs `profile` and `owner` joined, tags prefetched.

    A list passes `places` (from `study_places`) so that no row runs a query of its own.
    """
    if places is None:
        places = study_places() if study.status == Status.QUEUED else {}
    return {
        "id": str(study.pk),
        "name": study.name,
        "model": study.model,
        "profile": {"slug": study.profile.slug, "name": study.profile.name},
        "owner": study.owner.get_username(),
        "status": study.status,
        "status_label": study.get_status_display(),
        "queue_place": places.get(study.pk),
        "n_trials": study.n_trials,
        "n_finished": study.n_finished,
        "n_pruned": study.n_pruned,
        "n_failed": study.n_failed,
        "n_taken_over": study.n_taken_over,
        "best": study.best,
        "notes": study.notes,
        "tags": [row.tag for row in study.tag_rows.all()],
        "seconds": round(study.seconds, 3),
        "created_at": study.created_at.isoformat(),
        "started_at": study.started_at and study.started_at.isoformat(),
        "finished_at": study.finished_at and study.finished_at.isoformat(),
    }


def recommended_number(study: Study) -> int | None:
    """Return the number of the trial that `engine.recommendation` names on the front."""
    front = Trial.objects.filter(study=study, is_pareto=True).values_list("number", "values")
    return recommended_of(study, dict(front))


def recommended_of(study: Study, front: Mapping[int, Sequence[float]]) -> int | None:
    """Return the same of a front that is known: values by number."""
    directions = [direction for _, direction in objectives_of(study.snapshot)]
    return recommended(front, directions, spans_of(study.snapshot))


def tags_in_use(user: User, *, limit: int = 100) -> list[str]:
    """Return the tags of the studies that a user may read, in their order."""
    rows = StudyTag.objects.filter(study__in=studies_visible_to(user))
    return list(rows.order_by("tag").values_list("tag", flat=True).distinct()[:limit])


def recent_models(user: User, *, limit: int = 20) -> list[str]:
    """Suggest models: folders below the model roots, then those that the user has used."""
    used = studies_visible_to(user).order_by("-created_at").values_list("model", flat=True)
    return list(dict.fromkeys([*_local_models(), *used[:200]]))[:limit]


def studies_with_trials(user: User, *, limit: int = 50) -> list[Json]:
    """Name the newest studies that have trials to choose from."""
    studies = studies_visible_to(user).exclude(n_finished=0, n_failed=0, n_taken_over=0)
    newest = studies.order_by("-created_at").values_list("pk", "name")[:limit]
    return [{"id": str(study_id), "name": name} for study_id, name in newest]


def studies_open(user: User, besides: Study, *, limit: int = 50) -> list[Json]:
    """Name the newest other studies that can be asked to try something."""
    takes_none = (Status.FAILED, Status.STOPPING)
    studies = studies_visible_to(user).exclude(pk=besides.pk).exclude(status__in=takes_none)
    newest = studies.order_by("-created_at").values_list("pk", "name")[:limit]
    return [{"id": str(study_id), "name": name} for study_id, name in newest]


def _local_models() -> list[str]:
    """Name the folders with a model in them, as a user types them: relative to their root."""
    found: list[str] = []
    for root in settings.MODEL_ROOTS:
        configs = [*root.glob("*/config.json"), *root.glob("*/*/config.json")]
        found += sorted(str(Path(c).parent.relative_to(root)) for c in configs)
    return found


def objectives(study: Study) -> list[Json]:
    """Return the scores that the search optimises, with the original model's values."""
    baseline = {score["name"]: score for score in study.baseline}
    rows = []
    spans = spans_of(study.snapshot)
    for (name, direction), span in zip(objectives_of(study.snapshot), spans, strict=True):
        score = baseline.get(name, {})
        rows.append(
            {
                "name": name,
                "direction": direction,
                "span": span,
                "baseline": score.get("value"),
                "baseline_display": score.get("display"),
            }
        )
    return rows


def _remarks(study: Study) -> list[str]:
    """What the engine had to say, in its words."""
    notes = study.events.filter(kind="note").order_by("number")
    return [payload["text"] for payload in notes.values_list("payload", flat=True)]
