"""Benchmarks in the shapes that pages and API show."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from studies.engine.benchmarks.options import LIMIT
from studies.engine.benchmarks.own_tasks import own_tasks
from studies.engine.benchmarks.results import beside
from studies.models import Benchmark, Study
from studies.selectors.access import User, studies_visible_to
from studies.selectors.queue import job_out

Json = dict[str, Any]
SHOWN = 50  # benchmarks of a study on its page, the newest


def benchmarks_visible_to(user: User) -> QuerySet[Benchmark]:
    """Return the benchmarks of the studies that a user may read."""
    visible = Benchmark.objects.filter(study__in=studies_visible_to(user))
    return visible.select_related("job__study", "trial").defer(
        "job__study__snapshot", "job__study__facts", "job__study__baseline", "trial__scores"
    )


def benchmarks_of(user: User, study: Study, number: int) -> QuerySet[Benchmark]:
    """Return the benchmarks of one trial, the newest first."""
    return benchmarks_visible_to(user).filter(study=study, trial__number=number)


def benchmark_out(benchmark: Benchmark) -> Json:
    """One benchmark as pages and API show it; needs job, its study and trial joined."""
    return {
        "id": str(benchmark.pk),
        "study": str(benchmark.study_id),
        "trial": benchmark.trial.number,
        "options": benchmark.options,
        "status": benchmark.job.status,
        "job": job_out(benchmark.job, {}),
        "results": [
            {
                "name": one["name"],
                "original_reused": one["reused"],
                "scores": beside(one["original"], one["ablated"]),
            }
            for one in benchmark.results
        ],
        "created_at": benchmark.created_at.isoformat(),
    }


def benchmark_overview(user: User, study: Study) -> list[Json]:
    """The newest benchmarks of a study; of a group, its own scores only."""
    rows = [benchmark_out(one) for one in benchmarks_visible_to(user).filter(study=study)[:SHOWN]]
    for row in rows:
        for result in row["results"]:
            result["scores"] = [score for score in result["scores"] if not score["is_part"]]
    return rows


def benchmark_choices(model: str) -> Json:
    """What the form suggests for a model: own tasks made for it first, those then chosen."""
    own = sorted(
        (task for task in own_tasks(settings.BENCHMARK_ROOTS) if task.fits(model)),
        key=lambda task: not task.is_made_for(model),
    )
    made = [task for task in own if task.is_made_for(model)]
    usual = [name for name in settings.BENCHMARK_TASKS if name not in {task.name for task in own}]
    return {
        "tasks": [
            *({"name": task.name, "about": task.about, "own": True} for task in own),
            *({"name": name, "about": "", "own": False} for name in usual),
        ],
        "chosen": [task.name for task in made] or usual,
        "limit": LIMIT,
        "apply_chat_template": bool(made) and all(task.apply_chat_template for task in made),
    }
