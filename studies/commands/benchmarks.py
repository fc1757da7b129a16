"""Putting trials to benchmarks."""

from django.db import transaction

from studies.commands.doorbell import ring_after_commit
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.errors import InvalidInputError, Problem
from studies.jobs import ACTIVE, job_enqueue
from studies.lifecycle import StatusConflictError
from studies.models import Benchmark, Job, Trial


@transaction.atomic
def benchmark_create(trial: Trial, options: BenchmarkOptions) -> Benchmark:
    """Queue a benchmark of a finished trial, on the front or not.

    Whether the tasks exist, only the worker can say: it has the harness.

    Raises:
        InvalidInputError: the trial has no result.
    """
    if trial.state != Trial.State.COMPLETE:
        message = f"is {trial.state}; only a complete trial can be put to a benchmark"
        raise InvalidInputError([Problem("trial", message)])
    payload = {"trial": trial.number, "tasks": options.tasks}
    job = job_enqueue(trial.study_id, Job.Kind.BENCHMARK, payload=payload)
    benchmark = Benchmark.objects.create(
        study_id=trial.study_id, trial=trial, job=job, options=options.model_dump()
    )
    ring_after_commit()
    return benchmark


def benchmark_delete(benchmark: Benchmark) -> None:
    """Remove a benchmark with its results; what the original scored is kept for others.

    Raises:
        StatusConflictError: it is under way; cancel its job first.
    """
    if benchmark.job.status in ACTIVE:
        raise StatusConflictError(benchmark.job.status, "deleted", "benchmark")
    Job.objects.filter(pk=benchmark.job_id).delete()  # and the benchmark with it
