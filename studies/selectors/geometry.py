"""The residual geometry of a study in the shapes that pages and API show."""

from collections.abc import Iterator
from typing import Any

from studies.engine.geometry_columns import COLUMNS
from studies.models import FrozenPrompts, Geometry, GeometryProjection, Study
from studies.selectors.queue import job_out
from studies.selectors.row_tables import Table

Json = dict[str, Any]
NONE = "none"  # the status where nobody has asked for a measurement
READY = "ready"
MAX_TEXT = 300  # characters of a prompt that a picture names
LAYER = "layer_index"


def geometry_out(study: Study) -> Json:
    """What is known of a study's geometry, and the job that measures it, if any."""
    rows = Geometry.objects.filter(study=study).select_related("job__study")
    row = rows.defer(
        *(f"job__study__{name}" for name in ("snapshot", "facts", "baseline"))
    ).first()
    measured = row is not None and row.measured_at is not None
    return {
        "study": str(study.pk),
        "status": _status(row),
        "job": job_out(row.job, {}) if row else None,
        "measured_at": row.measured_at.isoformat() if row and row.measured_at else None,
        "columns": [column._asdict() for column in COLUMNS],
        "layers": row.lines if row else [],
        "samples": _counts(row) if row and measured else {},
        "has_projection": GeometryProjection.objects.filter(geometry__study=study).exists(),
    }


def geometry_table(study: Study) -> Table:
    """A row for each layer index: 0 is the embedding output, l + 1 the output of layer l."""
    columns = [LAYER, *(column.name for column in COLUMNS)]
    return Table(columns, _chunks(study))


def projection_out(study: Study) -> Json | None:
    """The places of all prompts at each layer index, with their texts; None: there are none."""
    rows = GeometryProjection.objects.filter(geometry__study=study)
    row = rows.defer("animation").select_related("geometry").first()
    if row is None:
        return None
    samples = row.geometry.samples
    return {
        "prompts": [
            {"group": group, "text": text}
            for group in ("good", "bad")
            for text in _texts(samples[group])
        ],
        "points": row.points,
    }


def geometry_animation(study: Study) -> bytes | None:
    """The animated projections, a GIF; None: there are none."""
    rows = GeometryProjection.objects.filter(geometry__study=study)
    data = rows.values_list("animation", flat=True).first()
    return None if data is None else bytes(data)


def _status(row: Geometry | None) -> str:
    if row is None:
        return NONE
    return READY if row.job.status == row.job.Status.DONE else row.job.status


def _counts(row: Geometry) -> Json:
    return {
        group: {"count": len(one["indices"]), "total": one["total"]}
        for group, one in row.samples.items()
    }


def _chunks(study: Study) -> Iterator[list[tuple[Json, Json]]]:
    lines = Geometry.objects.filter(study=study).values_list("lines", flat=True).first() or []
    rows = [{LAYER: index, **line} for index, line in enumerate(lines)]
    yield [(row, row) for row in rows]


def _texts(sample: Json) -> list[str]:
    frozen = FrozenPrompts.objects.get(digest=sample["digest"])
    return [_cut(frozen.prompts[index]["user"]) for index in sample["indices"]]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
