"""Leases: one holder at a time, late writers refused, what was lost found again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from studies.jobs import (
    MAX_ATTEMPTS,
    LeaseLostError,
    job_claim,
    job_enqueue,
    job_stop,
    jobs_reap,
    worker_jobs_release,
)
from studies.lifecycle import study_transition
from studies.models import Job
from studies.models.study import StudyStatus as Status

PAST = timedelta(seconds=-1)


@pytest.fixture
def queued(make_study):
    """Return a factory of queued studies with their jobs."""

    def make(**fields):
        study = make_study(status=Status.QUEUED)
        return study, job_enqueue(study.pk, Job.Kind.STUDY_RUN, **fields)

    return make


@pytest.fixture
def claimed(queued):
    """Return a study that is running under a lease."""
    study, _ = queued()
    lease = job_claim("worker-a")
    study_transition(study.pk, to=Status.RUNNING)
    return study, lease


def expire():
    Job.objects.update(lease_until=timezone.now() + PAST)


def test_a_job_is_claimed_once(queued):
    queued()

    assert job_claim("worker-a") is not None
    assert job_claim("worker-b") is None


def test_a_higher_priority_goes_first_and_then_the_older(queued):
    (first, _), (second, _), (third, _) = queued(), queued(), queued(priority=5)

    order = [job_claim("worker-a").study_id for _ in range(3)]

    assert order == [third.pk, first.pk, second.pk]


def test_an_expired_lease_is_queued_again_with_its_study(claimed):
    study, _ = claimed
    expire()

    assert jobs_reap() == 1

    study.refresh_from_db()
    assert (study.status, Job.objects.get().status) == (Status.QUEUED, Job.Status.QUEUED)
    assert "lost" in study.events.last().payload["reason"]


def test_a_live_lease_is_left_alone(claimed):
    assert jobs_reap() == 0


def test_a_worker_that_comes_back_late_writes_nothing(claimed):
    _, late = claimed
    expire()
    jobs_reap()

    for write in (late.renew, lambda: late.finish(Job.Status.DONE)):
        with pytest.raises(LeaseLostError):
            write()
    assert Job.objects.get().status == Job.Status.QUEUED


def test_the_next_claim_fences_the_former_holder_out(claimed):
    _, late = claimed
    expire()

    fresh = job_claim("worker-b")

    fresh.renew()
    with pytest.raises(LeaseLostError):
        late.renew()


def test_a_job_that_loses_every_worker_fails_its_study(claimed):
    study, _ = claimed
    for _ in range(MAX_ATTEMPTS - 1):
        expire()
        job_claim("worker-b")
        study_transition(study.pk, to=Status.RUNNING)
    expire()

    jobs_reap()

    study.refresh_from_db()
    assert (study.status, study.error_code) == (Status.FAILED, "worker_lost")
    assert Job.objects.get().status == Job.Status.FAILED


def test_progress_forgives_earlier_losses(claimed):
    study, lease = claimed
    for _ in range(MAX_ATTEMPTS + 1):
        lease.progressed()
        expire()
        lease = job_claim("worker-b")
        study_transition(study.pk, to=Status.RUNNING)

    study.refresh_from_db()
    assert study.status == Status.RUNNING


def test_a_study_whose_worker_is_lost_while_stopping_is_stopped(claimed):
    study, _ = claimed
    study_transition(study.pk, to=Status.STOPPING)
    expire()

    jobs_reap()

    study.refresh_from_db()
    assert (study.status, Job.objects.get().status) == (Status.STOPPED, Job.Status.CANCELED)


def test_the_leases_of_a_dead_process_end_at_once(claimed):
    worker_jobs_release("worker-a")

    assert jobs_reap() == 1


def test_a_job_that_was_given_back_waits_for_the_next_worker(claimed):
    study, lease = claimed

    lease.give_back(reason="The worker ends.")

    study.refresh_from_db()
    assert study.status == Status.QUEUED
    assert job_claim("worker-b").study_id == study.pk


# Jobs that are no study's run follow the same rules, and leave the study's status alone.


@pytest.fixture
def side_job(make_study):
    """Return a completed study with a job of another kind, claimed."""
    study = make_study(status=Status.COMPLETED)
    job_enqueue(study.pk, "chore", payload={"trial": 3})
    return study, job_claim("worker-a")


def test_a_lost_job_of_another_kind_is_queued_again_and_its_study_stays(side_job):
    study, _ = side_job
    expire()

    jobs_reap()

    study.refresh_from_db()
    assert (study.status, Job.objects.get().status) == (Status.COMPLETED, Job.Status.QUEUED)


def test_a_job_that_loses_every_worker_fails_with_reason_code_and_advice(side_job):
    study, _ = side_job
    for _ in range(MAX_ATTEMPTS - 1):
        expire()
        job_claim("worker-b")
    expire()

    jobs_reap()

    job = Job.objects.get()
    assert (job.status, job.error_code) == (Job.Status.FAILED, "worker_lost")
    assert "times in a row" in job.error
    assert job.error_advice
    study.refresh_from_db()
    assert study.status == Status.COMPLETED


def test_a_queued_job_is_canceled_at_once_and_a_running_one_is_asked(side_job, make_study):
    _, lease = side_job
    waiting = job_enqueue(make_study().pk, "chore")

    assert job_stop(waiting.pk)
    assert job_stop(lease.job_id)

    waiting.refresh_from_db()
    assert waiting.status == Job.Status.CANCELED
    assert lease.is_asked_to_stop()
    assert Job.objects.get(pk=lease.job_id).status == Job.Status.RUNNING


def test_an_ended_job_is_not_asked_to_stop(side_job):
    _, lease = side_job
    lease.finish(Job.Status.DONE, result={"found": 1})

    assert not job_stop(lease.job_id)
    assert Job.objects.get().result == {"found": 1}


def test_a_job_that_was_to_stop_is_canceled_when_its_worker_is_lost(side_job):
    _, lease = side_job
    job_stop(lease.job_id)
    expire()

    jobs_reap()

    assert Job.objects.get().status == Job.Status.CANCELED


def test_a_job_is_not_begun_before_the_one_that_it_waits_for_has_ended(queued):
    study, first = queued()
    second = job_enqueue(study.pk, "chore", priority=5, after=first)

    lease = job_claim("worker-a")
    assert lease.job_id == first.pk
    assert job_claim("worker-b") is None

    lease.finish(Job.Status.DONE)
    assert job_claim("worker-b").job_id == second.pk


def test_only_the_holder_of_the_lease_reports_progress(side_job):
    _, lease = side_job
    lease.report({"phase": "writing"})
    expire()
    fresh = job_claim("worker-b")

    lease.report({"phase": "late"})

    assert Job.objects.get().progress == {}
    fresh.report({"phase": "again"})
    assert Job.objects.get().progress == {"phase": "again"}
