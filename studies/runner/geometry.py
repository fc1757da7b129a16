"""Measures the residual geometry of a study's model."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from studies.models import Geometry, GeometryProjection, Study
from studies.runner.job_run import JobContext
from studies.runner.sessions import prepared_session

if TYPE_CHECKING:
    from studies.engine.geometry.measuring import Geometry as Found

Json = dict[str, Any]


def geometry(context: JobContext) -> Json:
    """Measure, and replace what an earlier measurement found.

    Raises:
        Stopped: the user asked for it; nothing is kept.
        EngineError: the model or its prompts cannot be used.
    """
    study = context.study
    session = prepared_session(study, context.reporter, context.stop).session
    context.reporter.phase("geometry_libraries")
    # Imported here: scikit-learn and numba take seconds to load, and no other job needs them.
    from studies.engine.geometry.measuring import measure

    found = measure(
        session.loaded,
        session.contrast(),
        seed=_setting(study, "seed") or 0,
        reporter=context.reporter,
        stop=context.stop,
    )
    _store(context, found)
    return {"n_layers": len(found.lines) - 1, "has_projection": found.projection is not None}


@transaction.atomic
def _store(context: JobContext, found: "Found") -> None:
    context.lease.renew()
    row = Geometry.objects.get(job=context.job)
    row.lines, row.samples = found.lines, _samples(context.study, found)
    row.measured_at = timezone.now()
    row.save(update_fields=["lines", "samples", "measured_at"])
    GeometryProjection.objects.filter(geometry=row).delete()
    if found.projection:
        GeometryProjection.objects.create(
            geometry=row,
            points=found.projection.points.tolist(),
            animation=found.projection.animation,
        )


def _samples(study: Study, found: "Found") -> Json:
    return {
        name: {
            "digest": study.snapshot["prompts"][_setting(study, f"{name}_prompts")]["digest"],
            "indices": residuals.indices,
            "total": residuals.total,
        }
        for name, residuals in (("good", found.good), ("bad", found.bad))
    }


def _setting(study: Study, name: str) -> Any:  # noqa: ANN401 - as its kind says
    rows = study.snapshot["settings"]
    return next((row["value"] for row in rows if row["name"] == name), None)
