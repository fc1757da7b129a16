"""Which function does which kind of job."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from studies.jobs import Lease
from studies.models.job import JobKind
from studies.runner import (
    benchmarks,
    chats,
    evaluating,
    exports,
    geometry,
    rescoring,
    study_help,
    study_run,
    uploads,
)
from studies.runner.job_run import run_job
from studies.runner.sessions import session_drop, session_rest

Runner = Callable[[Lease, threading.Event], None]

RUNNERS: Mapping[str, Runner] = {
    JobKind.STUDY_RUN: study_run.run,
    JobKind.STUDY_HELP: study_help.run,
    JobKind.EXPORT: partial(run_job, exports.export),
    JobKind.REPRODUCE: partial(run_job, exports.reproduce),
    JobKind.UPLOAD: partial(run_job, uploads.upload),
    JobKind.CHAT: chats.run,
    JobKind.RESCORE: partial(run_job, rescoring.rescore),
    JobKind.EVALUATE: partial(run_job, evaluating.evaluate),
    JobKind.BENCHMARK: partial(run_job, benchmarks.benchmark),
    JobKind.GEOMETRY: partial(run_job, geometry.geometry),
}


def run(lease: Lease, *, lease_lost: threading.Event) -> None:
    """Do a claimed job; whatever comes of it is in its row afterwards."""
    try:
        RUNNERS[lease.kind](lease, lease_lost)
    except BaseException:
        session_drop()
        raise
    session_rest()
