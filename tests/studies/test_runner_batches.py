"""Trials that run side by side: stored one by one, and none lost with another."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sqlalchemy import event

from studies import commands
from studies.engine import search
from studies.engine.errors import NonFiniteError
from studies.engine.session import Session
from studies.models import Job, Trial
from studies.models.study import StudyStatus as Status
from studies.runner import trial_loop
from studies.runner.asking import LEARNING_GROUP
from studies.selectors import recommended_number
from tests.studies.test_runner import (  # noqa: F401 - fixtures
    Killed,
    optuna_states,
    own_storage,
    parameters_of,
    start,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)


def killed_once(study, monkeypatch, target, name, replacement):
    """Run a study with something that kills its worker, then as the next worker does."""
    with monkeypatch.context() as patch:
        patch.setattr(target, name, replacement)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(study)
    Job.objects.update(lease_until="2000-01-01T00:00Z")
    work(study)


@pytest.fixture
def batches(monkeypatch):
    """How many trials each call evaluated."""
    sizes = []
    evaluate_many = Session.evaluate_many

    def counted(self, many):
        sizes.append(len(many))
        return evaluate_many(self, many)

    monkeypatch.setattr(Session, "evaluate_many", counted)
    return sizes


def test_random_trials_side_by_side_are_those_that_would_run_alone(start, batches):  # noqa: F811
    settings = {"n_trials": 4, "n_startup_trials": 4}
    alone = start(settings=settings)
    work(alone)
    together = again(alone, **settings, trials_per_batch=4)
    work(together)

    assert batches == [4]
    assert (together.status, together.n_finished) == (Status.COMPLETED, 4)
    assert parameters_of(together) == parameters_of(alone)
    for one, other in zip(
        together.trials.order_by("number"), alone.trials.order_by("number"), strict=True
    ):
        assert one.values == pytest.approx(other.values, rel=1e-5, abs=1e-5)
        assert items_of(one) == items_of(other)


def again(study, **settings):
    return commands.study_create(
        study.owner, model="tiny", profile=study.profile, settings=settings
    )


def items_of(trial):
    return trial.response_sets.get(scorer="Keywords").items


def test_the_number_is_found_and_no_trial_is_run_too_much(start, batches, monkeypatch):  # noqa: F811
    monkeypatch.setattr("studies.engine.batching._BETTER", 0.0)  # always worth it
    study = start(n_trials=12, trials_per_batch=0, settings={"n_startup_trials": 6})
    work(study)

    assert study.n_finished == study.trials.count() == 12
    assert batches == [2, 3, LEARNING_GROUP, 2], "one alone, then twice as many as fit"


@pytest.mark.parametrize("guilty", [0, 2])
def test_a_trial_that_fails_fails_alone(start, monkeypatch, guilty):  # noqa: F811
    study = start(n_trials=4, trials_per_batch=4)
    evaluate, alone = Session.evaluate, []

    def together(self, many):
        raise NonFiniteError("NaN in the logits of one.")

    def one_fails(self, parameters):
        alone.append(parameters)
        if len(alone) == guilty + 1:
            raise NonFiniteError("NaN in the logits.")
        return evaluate(self, parameters)

    monkeypatch.setattr(Session, "evaluate_many", together)
    monkeypatch.setattr(Session, "evaluate", one_fails)
    work(study)

    assert (study.status, study.n_finished, study.n_failed) == (Status.COMPLETED, 4, 1)
    failed = study.trials.get(state=Trial.State.FAILED)
    assert (failed.number, failed.error) == (guilty, "NaN in the logits.")


def test_a_worker_lost_in_the_middle_of_a_batch_repeats_no_finished_trial(
    start,  # noqa: F811
    monkeypatch,
    settings,
):
    study = start(n_trials=4, trials_per_batch=4)
    record, stored = trial_loop.trial_record, []

    def killed_at_third(lease, number, *args):
        if len(stored) == 2:
            raise Killed
        stored.append(number)
        return record(lease, number, *args)

    killed_once(study, monkeypatch, trial_loop, "trial_record", killed_at_third)

    assert stored == [0, 1]
    assert (study.status, study.n_finished) == (Status.COMPLETED, 4)
    assert list(study.trials.order_by("number").values_list("number", flat=True)) == [0, 1, 2, 3]
    assert len(set(parameters_of(study))) == 4
    assert optuna_states(study, settings) == ["COMPLETE"] * 4


def test_what_was_running_when_a_worker_was_lost_runs_alone(start, monkeypatch, batches):  # noqa: F811
    study = start(n_trials=4, trials_per_batch=4)

    def killed(self, many):
        raise Killed

    killed_once(study, monkeypatch, Session, "evaluate_many", killed)

    assert batches == [2], "those that were asked for afterwards"
    assert study.n_finished == study.trials.count() == 4


def test_a_group_cut_off_while_it_was_asked_for_is_made_whole(start, monkeypatch):  # noqa: F811
    straight = start(n_trials=10, trials_per_batch=4)
    work(straight)
    cut = again(straight, n_trials=10)
    ask, asked = search.ask, []

    def killed_at_fifth(*args):
        if len(asked) == 4:  # two random ones, then two of the first group of four
            raise Killed
        asked.append(1)
        return ask(*args)

    killed_once(cut, monkeypatch, search, "ask", killed_at_fifth)

    assert parameters_of(cut)[:6] == parameters_of(straight)[:6]
    assert cut.n_finished == 10


def test_a_stop_during_a_batch_keeps_none_of_it_and_blames_none(start, monkeypatch):  # noqa: F811
    study = start(n_trials=4, trials_per_batch=2)
    evaluate_many = Session.evaluate_many

    def stop_in_second(self, many):
        if Trial.objects.filter(study=study).count() == 2:
            commands.study_stop(study)
        return evaluate_many(self, many)

    with monkeypatch.context() as patch:
        patch.setattr("studies.runner.ports.STOP_PAUSE", 0)
        patch.setattr(Session, "evaluate_many", stop_in_second)
        work(study)
    assert (study.status, study.n_finished) == (Status.STOPPED, 2)

    for _ in range(trial_loop.MOST_STARTS):
        commands.study_resume(study)
        with monkeypatch.context() as patch:
            patch.setattr("studies.runner.ports.STOP_PAUSE", 0)
            patch.setattr(Session, "evaluate", stopping(study))
            work(study)
    commands.study_resume(study)
    work(study)
    assert (study.status, study.n_finished, study.n_failed) == (Status.COMPLETED, 4, 0)


def stopping(study):
    evaluate = Session.evaluate

    def stop_first(self, parameters):
        commands.study_stop(study)
        return evaluate(self, parameters)

    return stop_first


def test_every_trial_of_a_batch_is_announced_in_order_and_finished_once(start):  # noqa: F811
    study = start(settings={"n_trials": 4, "n_startup_trials": 4}, trials_per_batch=4)
    work(study)
    rows = list(study.events.order_by("number"))
    assert [row.number for row in rows] == list(range(1, study.event_count + 1))
    told = [row for row in rows if row.kind.startswith("trial_")]
    assert [row.kind for row in told] == ["trial_started"] * 4 + ["trial_finished"] * 4
    assert [row.payload["trial"] for row in told[:4]] == [0, 1, 2, 3]
    assert [row.payload["trial"]["number"] for row in told[4:]] == [0, 1, 2, 3]
    assert [row.payload["n_finished"] for row in told[4:]] == [1, 2, 3, 4]


def test_each_event_tells_of_the_front_as_the_pages_show_it(start, monkeypatch):  # noqa: F811
    study = start(settings={"n_trials": 6}, trials_per_batch=4)
    record, shown = trial_loop.trial_record, []

    def looked_at(lease, number, *args):
        row = record(lease, number, *args)
        front = study.trials.filter(is_pareto=True).order_by("number")
        shown.append((list(front.values_list("number", flat=True)), recommended_number(study)))
        return row

    monkeypatch.setattr(trial_loop, "trial_record", looked_at)
    work(study)

    rows = study.events.filter(kind="trial_finished").order_by("number")
    told = [(row.payload["front"], row.payload["recommended"]) for row in rows]
    assert told == shown
    assert len(told) == 6


def test_a_trial_asks_the_databases_few_questions(start, monkeypatch):  # noqa: F811
    study = start(settings={"n_trials": 4, "n_startup_trials": 4}, trials_per_batch=4)
    run, searched = trial_loop.TrialLoop.run, []
    monkeypatch.setattr("studies.runner.reporting.PROGRESS_PAUSE", 1e9)  # the clock's own
    monkeypatch.setattr("studies.runner.ports.STOP_PAUSE", 1e9)

    def counted(loop):
        engine = loop.optuna_study._storage._backend.engine
        event.listen(engine, "before_cursor_execute", lambda *args: searched.append(args[2]))
        with CaptureQueriesContext(connection) as stored:
            run(loop)
        searched.append(len(stored))

    monkeypatch.setattr(trial_loop.TrialLoop, "run", counted)
    work(study)

    *searched, n_stored = searched
    assert study.n_finished == 4
    assert len(searched) / 4 <= 80
    assert n_stored / 4 <= 34
