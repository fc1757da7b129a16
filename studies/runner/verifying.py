"""Reloads what was written and lets it answer the prompts that the trial answered."""

from typing import Any

from studies.engine.export.adapter import WEIGHTS
from studies.engine.export.checkpoint import Checkpoint, checkpoint_of
from studies.engine.export.folder import ExportFolder
from studies.engine.export.verification import (
    adapter_applied,
    as_rows,
    check_keys,
    compare_scores,
    fits_beside,
    refuse_difference,
)
from studies.engine.export.writing import Written
from studies.engine.loading import load_model
from studies.engine.results import Score
from studies.models import Trial
from studies.runner.job_run import JobContext
from studies.runner.sessions import prepared_session, session_drop

Json = dict[str, Any]
PHASE = "verifying"


def verified(
    context: JobContext,
    trial: Trial,
    folder: ExportFolder,
    original: Checkpoint,
    written: Written,
) -> Json:
    """Check a written model, and return what was found for its manifest.

    An adapter that only approximates the change may score otherwise: that is told, not refused.

    Raises:
        Stopped: the user asked for it.
        ExportDiffersError: tensors or scores are not what they should be.
    """
    if written.adapter:
        found = _scores_with_adapter(context, folder)
    else:
        check_keys(checkpoint_of(str(folder.partial), None), original)
        found = _scores_reloaded(context, trial, folder)
    rows = compare_scores(trial.scores, found, trial.study.facts.get("dtype", ""))
    if written.adapter is None or written.adapter.is_exact:
        refuse_difference(rows)
    return {
        "tensors": None if written.adapter else len(original.tensors),
        "scores": as_rows(rows),
        "equal": all(row.is_equal for row in rows),
    }


def _scores_with_adapter(context: JobContext, folder: ExportFolder) -> list[Score]:
    session = prepared_session(context.study, context.reporter, context.stop).session
    with adapter_applied(session.loaded, folder.partial / WEIGHTS):
        return session.judge().score(
            session.loaded, reporter=context.reporter, stop=context.stop, phase=PHASE
        )


def _scores_reloaded(context: JobContext, trial: Trial, folder: ExportFolder) -> list[Score]:
    session = prepared_session(context.study, context.reporter, context.stop).session
    judge, dtype, roomy = session.judge(), session.loaded.dtype, fits_beside(session.loaded)
    del session
    if not roomy:
        session_drop()
    context.reporter.phase(PHASE)
    loaded = load_model(str(folder.partial), dtypes=[dtype], reporter=context.reporter)
    return judge.score(loaded, reporter=context.reporter, stop=context.stop, phase=PHASE)
