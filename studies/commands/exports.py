"""Exporting trials, and building exports again from their bundles."""

import json
import shutil
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.engine.bundle import FILE, parse_bundle
from studies.engine.errors import InvalidInputError, Problem
from studies.engine.export_options import ExportOptions
from studies.exporting import export_folder, refuse_unavailable
from studies.jobs import ACTIVE, job_enqueue
from studies.lifecycle import StatusConflictError
from studies.models import Export, Job, Trial
from studies.models.job import JobKind


def export_create(trial: Trial, options: ExportOptions) -> Export:
    """Queue the export of a finished trial, on the front or not.

    Raises:
        InvalidInputError: the strategy cannot be had here, or the trial has no result.
    """
    refuse_unavailable(options)
    if trial.state != Trial.State.COMPLETE:
        message = f"is {trial.state}; only a complete trial can be exported"
        raise InvalidInputError([Problem("trial", message)])
    return export_enqueue(trial, options, JobKind.EXPORT)


def export_reproduce(export: Export) -> Export:
    """Build a finished export again, from nothing that is kept in memory, and compare the two.

    Raises:
        StatusConflictError: it is not finished.
        InvalidInputError: its bundle is damaged, or its strategy cannot be had here any more.
    """
    if export.ready_at is None:
        raise StatusConflictError(export.job.status, "reproduced")
    bundle = json.loads((export_folder(export.pk).final / FILE).read_text())
    options = ExportOptions.model_validate(export.options)
    refuse_unavailable(options)
    parse_bundle(bundle)
    return export_enqueue(export.trial, options, JobKind.REPRODUCE, expected=bundle)


def export_delete(export: Export) -> None:
    """Remove an export with its files.

    Raises:
        StatusConflictError: it is still being written or uploaded; cancel that job first.
    """
    if export.job.status in ACTIVE:
        raise StatusConflictError(export.job.status, "deleted")
    if export.uploads.filter(job__status__in=ACTIVE).exists():
        raise StatusConflictError("running", "deleted while it is uploaded")
    folder = export_folder(export.pk)
    Job.objects.filter(pk=export.job_id).delete()  # and the export with it
    # A folder that stays behind is swept by the next export.
    shutil.rmtree(folder.final, ignore_errors=True)


@transaction.atomic
def export_enqueue(
    trial: Trial,
    options: ExportOptions,
    kind: JobKind,
    *,
    expected: Mapping[str, Any] | None = None,
) -> Export:
    """Queue the writing of an export; `expected` is the bundle that it is to reproduce."""
    payload = {"trial": trial.number, "strategy": options.strategy}
    job = job_enqueue(trial.study_id, kind, payload=payload)
    export = Export.objects.create(
        study_id=trial.study_id,
        trial=trial,
        job=job,
        strategy=options.strategy,
        options=options.model_dump(),
        expected=expected or {},
    )
    ring_after_commit()
    return export
