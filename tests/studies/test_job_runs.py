"""Jobs that are no study's run: every way out leaves a status, a result or a reason."""

import threading

import pytest
from django.db import OperationalError

from studies import runner
from studies.engine.errors import NonFiniteError
from studies.jobs import job_claim, job_enqueue, job_stop
from studies.models import Job
from studies.runner import dispatch, job_run, ports

pytestmark = pytest.mark.django_db


@pytest.fixture
def do(make_study, monkeypatch):
    """Return a function that lets a worker do one job whose work is the given function."""
    job = job_enqueue(make_study(status="completed").pk, "chore", payload={"trial": 3})

    def run(work, lease_lost=None):
        runner_of = {"chore": lambda lease, lost: job_run.run_job(work, lease, lost)}
        monkeypatch.setattr(dispatch, "RUNNERS", runner_of)
        runner.run(job_claim("worker"), lease_lost=lease_lost or threading.Event())
        job.refresh_from_db()
        return job

    return run


def fails(error):
    def work(context):
        raise error

    return work


def test_the_work_gets_its_payload_and_its_result_is_stored(do):
    job = do(lambda context: {"asked": context.job.payload["trial"]})

    assert (job.status, job.result) == (Job.Status.DONE, {"asked": 3})


def test_a_failure_is_stored_with_reason_code_and_advice(do):
    job = do(fails(NonFiniteError("NaN in the logits.")))

    assert (job.status, job.error, job.error_code) == (
        Job.Status.FAILED,
        "NaN in the logits.",
        "non_finite",
    )
    assert "bfloat16" in job.error_advice


def test_an_unexpected_error_is_named(do):
    job = do(fails(ValueError("odd\nsecond line")))

    assert job.error == "Unexpected ValueError: odd"


def test_a_database_that_fails_for_a_while_leaves_the_job_to_the_next_start(do):
    job = do(fails(OperationalError("database is locked")))

    assert job.status == Job.Status.RUNNING


def test_a_stop_request_is_read_between_steps(do, monkeypatch):
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)

    def work(context):
        context.stop.check()
        job_stop(context.job.pk)
        context.stop.check()
        raise AssertionError("it went on")

    assert do(work).status == Job.Status.CANCELED


def test_a_worker_without_its_lease_stores_nothing(do):
    lost = threading.Event()
    lost.set()

    job = do(lambda context: context.stop.check(), lost)

    assert (job.status, job.result) == (Job.Status.RUNNING, {})


def test_a_worker_told_to_end_gives_the_job_back(do):
    with pytest.raises(KeyboardInterrupt):
        do(fails(KeyboardInterrupt()))

    assert Job.objects.get().status == Job.Status.QUEUED


def test_progress_says_phase_count_and_the_time_left(do):
    seen = []

    def work(context):
        context.reporter.phase("generating", done=0, total=4)
        context.reporter.phase("generating", done=4, total=4)
        seen.append(Job.objects.get().progress)
        return {}

    job = do(work)

    assert (seen[0]["label"], seen[0]["done"], seen[0]["total"]) == ("Generating responses", 4, 4)
    assert seen[0]["eta_seconds"] == 0
    assert job.progress == {}
