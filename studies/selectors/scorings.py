"""Scorings in the shapes that pages and API show: models beside their original."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from studies.engine.export_options import GGUF
from studies.held_out import scored_counts, stand_in
from studies.models import PromptSet, Scoring, ScoringResult, Study, Trial
from studies.selectors.access import User, studies_visible_to
from studies.selectors.exports import exports_visible_to
from studies.selectors.queue import job_out

Json = dict[str, Any]
HEAVY = ("snapshot", "facts", "baseline")


def scorings_visible_to(user: User) -> QuerySet[Scoring]:
    """Return the scorings of the studies that a user may read, and those without one of theirs."""
    if user is None or not user.is_authenticated:
        return Scoring.objects.none()
    rows = Scoring.objects.select_related("job__study", "study", "profile").defer(
        *(f"{path}__{name}" for path in ("job__study", "study") for name in HEAVY)
    )
    results = ScoringResult.objects.select_related("trial").defer(
        "trial__parameters", "trial__details"
    )
    rows = rows.prefetch_related(Prefetch("results", results))
    if getattr(user, "is_staff", False):
        return rows
    return rows.filter(
        Q(study__in=studies_visible_to(user)) | Q(study__isnull=True, owner_id=user.pk)
    )


def rescores_of(user: User, study: Study, *, limit: int = 20) -> list[Json]:
    """The newest scorings of a study's trials."""
    return [scoring_out(row) for row in scorings_visible_to(user).filter(study=study)[:limit]]


def evaluations_of(user: User) -> QuerySet[Scoring]:
    """Return a user's scorings of finished models; staff see everybody's."""
    return scorings_visible_to(user).filter(study__isnull=True)


def exports_to_score(user: User, *, limit: int = 50) -> list[Json]:
    """Name the newest exports that can be scored as finished models."""
    rows = exports_visible_to(user).filter(ready_at__isnull=False).exclude(strategy=GGUF)
    named = rows.values_list("pk", "strategy", "trial__number", "study__name")
    return [
        {"id": str(pk), "name": f"{study}, trial {number} ({strategy})"}
        for pk, strategy, number, study in named.order_by("-created_at")[:limit]
    ]


def scoring_out(scoring: Scoring) -> Json:
    """One scoring; needs job, study, profile and results as `scorings_visible_to` joins them."""
    return {
        "id": str(scoring.pk),
        "study": scoring.study and {"id": str(scoring.study_id), "name": scoring.study.name},
        "original": scoring.original,
        "model": scoring.model,
        "profile": scoring.profile and scoring.profile.name,
        "facts": scoring.facts,
        "prompts": [prompts_row(slug, row) for slug, row in scoring.prompts.items()],
        "baseline": scoring.baseline,
        "results": [_result_out(result) for result in scoring.results.all()],
        "job": job_out(scoring.job, {}),
        "created_at": scoring.created_at.isoformat(),
    }


def prompts_row(slug: str, row: Json) -> Json:
    """Which prompts stand for the set `slug` that scorers name, and how they were found."""
    dataset = row.get("dataset", {})
    return {
        "scored": slug,
        "name": row["name"],
        "slug": row["slug"],
        "how": row["how"],
        "dataset": dataset.get("dataset", ""),
        "split": dataset.get("split", ""),
        "digest": row.get("digest", ""),
        "count": row.get("count"),
        "dropped": row.get("dropped", 0),
    }


def rescore_choices(study: Study) -> Json:
    """What a study's page offers: what stands in for each scored set, and all prompt sets."""
    names = study.snapshot["prompts"]
    found = {slug: stand_in(study, slug) for slug in scored_counts(study)}
    return {
        "sets": [
            {
                "slug": slug,
                "name": names.get(slug, {}).get("name", slug),
                "stand_in": row and row["name"],
            }
            for slug, row in found.items()
        ],
        "prompt_sets": list(PromptSet.objects.order_by("name").values("slug", "name")),
    }


def trial_rescores(study: Study, number: int, *, limit: int = 10) -> list[Json]:
    """A trial's scores on held-out prompts, the newest first, the search's and the original's beside."""
    results = ScoringResult.objects.filter(trial__study=study, trial__number=number)
    rows = results.select_related("scoring", "trial").order_by("-scoring__created_at", "-pk")
    return [
        {
            "id": str(row.scoring_id),
            "created_at": row.scoring.created_at,
            "prompts": [prompts_row(*pair) for pair in row.scoring.prompts.items()],
            "error": row.error,
            "scores": _beside(row),
        }
        for row in rows[:limit]
    ]


def newest_rescores(trials: Iterable[Trial]) -> dict[int, list[Json]]:
    """The scores of each trial's newest scoring that has any, by the trial's key."""
    rows = ScoringResult.objects.filter(trial__in=list(trials), error="")
    return dict(rows.order_by("scoring__created_at", "pk").values_list("trial_id", "scores"))


def has_rescores(study_id: UUID) -> bool:
    """Whether any trial of a study was scored on held-out prompts."""
    return ScoringResult.objects.filter(scoring__study=study_id, error="").exists()


def _beside(result: ScoringResult) -> list[Json]:
    """Each score with the search's and the original's of the same name, where there are any."""
    originals = {score["name"]: score for score in result.scoring.baseline}
    searched = {score["name"]: score for score in result.trial.scores} if result.trial else {}
    return [
        {"score": one, "search": searched.get(one["name"]), "original": originals.get(one["name"])}
        for one in result.scores
    ]


def _result_out(result: ScoringResult) -> Json:
    trial = result.trial
    return {
        "trial": trial and trial.number,
        "search": trial.scores if trial else [],
        "scores": result.scores,
        "error": result.error,
        "seconds": round(result.seconds, 3),
    }
