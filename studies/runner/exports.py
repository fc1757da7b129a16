"""Writes a trial as files, checks them, and makes them visible; builds bundles again."""

import json
import logging
import shutil
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from studies.cards import card_of
from studies.engine.bundle import FILE as BUNDLE
from studies.engine.bundle import Bundle, BundleModel, parse_bundle
from studies.engine.card import FILE as CARD
from studies.engine.errors import EngineError
from studies.engine.export.checkpoint import checkpoint_of
from studies.engine.export.folder import (
    ExportFolder,
    FileEntry,
    refuse_full_disk,
    sweep,
    write_durably,
)
from studies.engine.export.gguf import convert
from studies.engine.export.writing import Source, Written, needed_bytes, write_trial
from studies.engine.export_options import GGUF, ExportOptions
from studies.engine.method_port import Parameters
from studies.exporting import export_folder, gguf_command
from studies.jobs import ACTIVE, LeaseLostError
from studies.models import Export, Trial
from studies.runner.bundles import bundle_of, reproduction
from studies.runner.job_run import JobContext
from studies.runner.sessions import model_of, prepared_session, session_drop
from studies.runner.trials import trial_parameters
from studies.runner.verifying import verified

Json = dict[str, Any]
logger = logging.getLogger(__name__)


class ReproductionError(EngineError):
    """A bundle that cannot be built again here."""

    code = "not_reproduced"
    advice = "See what ended the study, mend that, and hand in the bundle again."


MERGED = "merged"  # the folder that a converter reads, inside the partial one


def export(context: JobContext) -> Json:
    """Write, verify and publish an export; a former start's finished files are used.

    Raises:
        Stopped: the user asked for it; nothing is kept.
        EngineError: it cannot be written, or is not what the trial measured.
    """
    swept = sweep_exports()
    if swept:
        logger.info("stale exports removed", extra={"folders": swept})
    row = _row(context)
    folder = export_folder(row.pk)
    manifest = folder.finished()
    if manifest is None:
        manifest = _written(context, row, folder)
        context.lease.renew()  # whoever lost it publishes nothing
        folder.publish(manifest)
    _store(context, row, manifest)
    told = {"export": str(row.pk), "verification": manifest["verification"]}
    return told | {k: manifest[k] for k in ("adapter", "reproduction") if k in manifest}


def reproduce(context: JobContext) -> Json:
    """Build an export again from nothing that is kept in memory, and compare it.

    Raises:
        Stopped: the user asked for it.
        EngineError: it cannot be built here.
    """
    session_drop()
    return export(context)


def _row(context: JobContext) -> Export:
    """The row of a job; that of a bundle from elsewhere is made once its study has its trial.

    Raises:
        ReproductionError: the study has no such trial.
    """
    rows = Export.objects.select_related("trial__study")
    bundle = context.job.payload.get("bundle")
    if bundle is None:
        return rows.get(job=context.job)
    if found := rows.filter(job=context.job).first():
        return found
    study = context.study
    trials = Trial.objects.filter(study=study, state=Trial.State.COMPLETE)
    trial = trials.order_by("number").first()
    if trial is None:
        why = study.error or f"it is {study.get_status_display().lower()}"
        raise ReproductionError(f"The study has no finished trial: {why}")
    options = parse_bundle(bundle).export
    made = Export.objects.create(
        study=study,
        trial=trial,
        job=context.job,
        strategy=options.strategy,
        options=options.model_dump(),
        expected=bundle,
    )
    return rows.get(pk=made.pk)


def sweep_exports() -> list[str]:
    """Remove what jobs have left behind and what no row knows."""
    rows = Export.objects.all()
    return sweep(
        settings.EXPORT_DIR,
        unfinished=set(rows.filter(job__status__in=ACTIVE).values_list("pk", flat=True)),
        known=set(rows.values_list("pk", flat=True)),
    )


def _written(context: JobContext, row: Export, folder: ExportFolder) -> Json:
    try:
        return _write(context, row, folder)
    except (LeaseLostError, KeyboardInterrupt):
        raise  # the next start goes on with what is finished
    except BaseException:
        folder.discard()
        raise


def _write(context: JobContext, row: Export, folder: ExportFolder) -> Json:
    trial, options = row.trial, ExportOptions.model_validate(row.options)
    source, parameters = _source(context, trial)
    refuse_full_disk(settings.EXPORT_DIR, needed_bytes(source, options))
    folder.open()
    target = folder.inner(MERGED) if options.strategy == GGUF else folder
    target.open()
    written = write_trial(
        target,
        source,
        parameters,
        options,
        reporter=context.reporter,
        stop=context.stop,
        stored=context.lease.progressed,
    )
    context.reporter.phase("hashing")
    model = BundleModel(
        name=source.name, commit=source.commit, files=source.checkpoint.hashes(context.stop.check)
    )
    original = source.checkpoint
    del source  # so that the kept model can go if memory asks for it
    verification = verified(context, trial, target, original, written)
    if options.strategy == GGUF:
        written = _converted(context, folder, target, written, options)
    bundle = bundle_of(trial, options, model, written.weights)
    return _manifest(row, folder, written, verification, bundle)


def _source(context: JobContext, trial: Trial) -> tuple[Source, Parameters]:
    study = trial.study
    ref = model_of(study)
    session = prepared_session(study, context.reporter, context.stop).session
    commit = getattr(session.loaded.model.config, "_commit_hash", None)
    source = Source(
        loaded=session.loaded,
        method=session.method,
        checkpoint=checkpoint_of(str(ref.path or ref.source), commit),
        name=_public_name(study.model),
        commit=commit,
    )
    return source, trial_parameters(trial)


def _public_name(model: str) -> str:
    """A model's name without the folders of this machine."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith("/") else model


def _converted(
    context: JobContext,
    folder: ExportFolder,
    source: ExportFolder,
    written: Written,
    options: ExportOptions,
) -> Written:
    command = gguf_command()
    assert command is not None, "the strategy is refused without a converter"
    entry = convert(
        folder,
        source.partial,
        command,
        dtype=options.dtype,
        reporter=context.reporter,
        stop=context.stop,
    )
    shutil.rmtree(source.partial)
    return Written([entry], [], written.adapter)


def _manifest(
    row: Export, folder: ExportFolder, written: Written, verification: Json, bundle: Bundle
) -> Json:
    write_durably(folder.partial / BUNDLE, bundle.model_dump_json(indent=1).encode())
    adapter = asdict(written.adapter) if written.adapter else None
    card = card_of(row, bundle.model.name, bundle.model.commit, adapter)
    write_durably(folder.partial / CARD, card.encode())
    beside = [folder.entry(BUNDLE), folder.entry(CARD)]
    entries: list[FileEntry] = [*written.weights, *written.others, *beside]
    manifest: Json = {
        "strategy": row.strategy,
        "options": row.options,
        "model": bundle.model.model_dump(),
        "trial": row.trial.number,
        "files": [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.path)],
        "size": sum(entry.size for entry in entries),
        "verification": verification,
    }
    if adapter:
        manifest["adapter"] = adapter
    if row.expected:
        manifest["reproduction"] = reproduction(parse_bundle(row.expected), bundle)
    as_read_back: Json = json.loads(json.dumps(manifest))
    return as_read_back


@transaction.atomic
def _store(context: JobContext, row: Export, manifest: Json) -> None:
    context.lease.renew()
    row.manifest, row.size, row.ready_at = manifest, manifest["size"], timezone.now()
    row.save(update_fields=["manifest", "size", "ready_at"])
