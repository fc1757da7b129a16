"""Several workers on one study: each trial is run once, none is lost, none is too much.

A helper is run inside an evaluation of the study's own worker, so that both are at work.
"""

import threading

import pytest
from django.db.models.functions import Now

from studies import commands, runner
from studies.engine import search
from studies.engine.ports import Silent, Stopped
from studies.engine.session import Session
from studies.jobs import LEASE, Lease, job_claim, job_enqueue, jobs_reap
from studies.models import Job, Study
from studies.models.study import StudyStatus as Status
from studies.runner.turns import Turns
from tests.studies.test_runner import (  # noqa: F401 - fixtures
    Killed,
    optuna_states,
    own_storage,
    start,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)
TWO = {"n_workers": 2, "n_startup_trials": 1}


def helps():
    """Claim what waits and do it, as another worker does."""
    lease = job_claim("helper")
    assert lease.kind == Job.Kind.STUDY_HELP
    runner.run(lease, lease_lost=threading.Event())


@pytest.fixture
def within_first(monkeypatch):
    """Let something happen while the first trial is evaluated, or after so many."""

    def arrange(happens, after=0):
        evaluate, seen = Session.evaluate, []

        def evaluated(self, parameters):
            seen.append(parameters)
            if len(seen) == after + 1:
                happens()
            return evaluate(self, parameters)

        monkeypatch.setattr(Session, "evaluate", evaluated)

    return arrange


def numbers(study):
    return sorted(study.trials.values_list("number", flat=True))


def test_two_workers_share_the_trials_of_a_study(start, within_first, settings):  # noqa: F811
    study = start(settings=TWO | {"n_trials": 5})
    within_first(helps)

    work(study)

    assert (study.status, study.n_finished, numbers(study)) == (Status.COMPLETED, 5, [*range(5)])
    assert set(optuna_states(study, settings)) == {"COMPLETE"}
    helper = study.jobs.get(kind=Job.Kind.STUDY_HELP)
    assert (helper.status, helper.result) == (Job.Status.DONE, {"n_trials": 4})


def test_what_a_lost_helper_left_is_run_by_the_others(start, within_first, settings):  # noqa: F811
    study = start(settings=TWO | {"n_trials": 3})

    def loses_its_helper():
        def dies(*args):
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "evaluate", dies)
            patch.setattr("studies.runner.job_run._fail", lambda *args: None)
            with pytest.raises(Killed):
                helps()
        helper = Job.objects.filter(kind=Job.Kind.STUDY_HELP)
        helper.update(lease_until="2000-01-01T00:00Z")
        assert jobs_reap() == 1

    within_first(loses_its_helper)
    work(study)

    assert (study.status, numbers(study)) == (Status.COMPLETED, [0, 1, 2])
    assert set(optuna_states(study, settings)) == {"COMPLETE"}
    helper = study.jobs.get(kind=Job.Kind.STUDY_HELP)
    assert helper.status == Job.Status.CANCELED, "it waited again, for nothing"


def test_a_study_that_stops_ends_its_helpers(start, within_first):  # noqa: F811
    study = start(settings=TWO | {"n_trials": 5})

    def is_stopped():
        lease = job_claim("helper")
        commands.study_stop(Study.objects.get(pk=study.pk))
        runner.run(lease, lease_lost=threading.Event())

    within_first(is_stopped)
    work(study)

    assert study.status == Status.STOPPED
    assert study.jobs.get(kind=Job.Kind.STUDY_HELP).status == Job.Status.CANCELED


def test_a_helper_that_nobody_had_time_for_goes_with_its_study(start):  # noqa: F811
    study = start(settings=TWO)
    work(study)
    assert study.status == Status.COMPLETED
    assert study.jobs.get(kind=Job.Kind.STUDY_HELP).status == Job.Status.CANCELED


def test_a_study_for_one_worker_calls_no_other(start):  # noqa: F811
    study = start()
    work(study)
    assert not study.jobs.filter(kind=Job.Kind.STUDY_HELP).exists()


def test_a_helper_comes_after_all_other_work(start):  # noqa: F811
    first = start()
    second = commands.study_create(first.owner, model="tiny", profile=first.profile)
    job_claim("worker")
    job_enqueue(first.pk, Job.Kind.STUDY_HELP, priority=-1)
    assert job_claim("helper").study_id == second.pk


def test_trials_that_run_elsewhere_are_waited_for(start, within_first, monkeypatch):  # noqa: F811
    study = start(settings=TWO | {"n_trials": 2})
    told = []
    monkeypatch.setattr(search, "ask", asking_for_another(search.ask, study, told))
    monkeypatch.setattr("studies.runner.trial_loop.time.sleep", lambda seconds: give_up(study))
    work(study)
    assert (study.status, numbers(study)) == (Status.COMPLETED, [0, 1])
    assert told == [0]


def asking_for_another(ask, study, told):
    """Another worker asks for the first trial, and keeps it until it is given up."""

    def asked(optuna_study, resolved, sampler, mark):
        if told:
            return ask(optuna_study, resolved, sampler, mark)
        job = job_enqueue(study.pk, Job.Kind.STUDY_HELP)
        Job.objects.filter(pk=job.pk).update(status=Job.Status.RUNNING)
        number, parameters = ask(optuna_study, resolved, sampler, f"{job.pk}:0")
        told.append(number)
        return number, parameters

    return asked


def give_up(study):
    study.jobs.filter(kind=Job.Kind.STUDY_HELP).update(status=Job.Status.FAILED)


class TestTurns:
    @pytest.fixture
    def one(self, start):  # noqa: F811
        return Turns(Lease(start().jobs.get().pk, Study.objects.get().pk, fence=1))

    def another(self):
        return Turns(Lease(Job.objects.get().pk, Study.objects.get().pk, fence=2))

    def test_one_worker_has_it_at_a_time(self, one):
        class Impatient(Silent):
            def check(self):
                raise Stopped

        other = self.another()
        with one.turn(Silent()), pytest.raises(Stopped), other.turn(Impatient()):
            pass
        with other.turn(Impatient()):
            pass

    def test_a_turn_that_its_worker_never_ended_is_over_by_itself(self, one):
        assert one._take()
        other = self.another()
        assert not other._take()
        Study.objects.update(chooser_until=Now() - LEASE)
        assert other._take()
