"""The runner with a real tiny model, a real Optuna storage and real rows."""

import threading

import optuna
import pytest
from django.db import OperationalError

from studies import commands, runner
from studies.engine import search_space
from studies.engine.errors import NonFiniteError
from studies.engine.session import Session
from studies.jobs import job_claim
from studies.models import Job, Trial
from studies.models.study import StudyStatus as Status
from studies.runner import trial_loop
from studies.selectors import study_state
from tests.engine.tiny import save_tiny, tiny_tokenizer
from tests.studies.tiny_studies import N_LAYERS, TINY_SETTINGS

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing more is written."""


@pytest.fixture(autouse=True)
def own_storage(optuna_storage, monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def start(make_profile, make_user, tiny_model_root):
    """Return a factory of queued studies on the tiny model."""

    def make(n_trials=3, trials_per_batch=1, **fields):
        differs = {"n_trials": n_trials, "trials_per_batch": trials_per_batch}
        profile = make_profile(settings=TINY_SETTINGS | differs)
        given = {"model": "tiny", **fields}
        return commands.study_create(make_user(), profile=profile, **given)

    return make


def work(study):
    """Claim the study's job and run it to its end, as a worker does."""
    lease = job_claim("worker")
    assert lease.study_id == study.pk
    runner.run(lease, lease_lost=threading.Event())
    study.refresh_from_db()


def parameters_of(study):
    rows = study.trials.order_by("number").values_list("parameters", flat=True)
    return [str(parameters) for parameters in rows]


def optuna_states(study, settings):
    stored = optuna.load_study(study_name=f"study-{study.pk}", storage=settings.OPTUNA_STORAGE)
    return [trial.state.name for trial in stored.trials]


def test_a_study_runs_to_its_end_with_all_that_its_page_needs(start):
    study = start()

    work(study)

    assert (study.status, study.n_finished, study.n_layers) == (Status.COMPLETED, 3, N_LAYERS)
    assert study.jobs.get().status == Job.Status.DONE
    assert {score["name"] for score in study.baseline} == {"Keywords", "KL divergence"}
    trial = study.trials.first()
    assert len(trial.values) == 2
    assert len(trial.details["kernel"]["attn.o_proj"]) == N_LAYERS
    assert trial.response_sets.get(scorer="Keywords").items[0]["response"] is not None
    assert study.response_sets.filter(trial=None).exists()


def test_what_loading_noticed_is_noted_once(start, tiny_model_root):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    save_tiny("llama", tiny_model_root / "plain", tokenizer=tokenizer)
    study = start(n_trials=1, model="plain")

    work(study)
    commands.study_extend(study, 1)
    work(study)

    (note,) = study_state(study)["remarks"]
    assert "chat template" in note


def test_a_model_that_was_unknown_settles_its_study_s_table(start, tiny_model_root, monkeypatch):
    """As for a model of the hub that the web process has never seen."""
    save_tiny("falcon_h1", tiny_model_root / "hybrid")
    with monkeypatch.context() as patch:
        patch.setattr("studies.parameters.model_facts", lambda model: None)
        settings = {"untouched_layer_fractions": [0]}
        hybrid = start(n_trials=1, model="hybrid", settings=settings)
        usual = start_again(start, hybrid, settings=settings)

    work(hybrid)
    work(usual)

    def components(study):
        rows = study_state(study)["resolved"]["parameters"]
        return list(dict.fromkeys(row["component"] for row in rows))

    assert components(hybrid) == ["", "attn.o_proj", "mlp.down_proj", "ssm.out_proj"]
    assert components(usual) == ["", "attn.o_proj", "mlp.down_proj"]
    for study in (hybrid, usual):
        trial = study.trials.get()
        assert set(trial.parameters["max_weight"]) == set(components(study)[1:])
        assert {weights[0] for weights in trial.details["kernel"].values()} == {0.0}
        table = study_state(study)["resolved"]
        assert table["parameters"][1]["layers"] is not None  # it has a number of layers now
        layers = {row["name"]: row.get("layers") for row in table["settings"]}
        assert layers["untouched_layer_fractions"] == [0]


def test_events_are_numbered_without_gaps_and_tell_the_whole_story(start):
    study = start()

    work(study)

    events = list(study.events.values_list("number", "kind"))
    assert [number for number, _ in events] == list(range(1, len(events) + 1))
    kinds = [kind for _, kind in events]
    assert kinds.count("trial_finished") == kinds.count("trial_started") == 3
    assert {"model_loaded", "baseline_scored", "phase_changed"} <= set(kinds)
    assert study.events.last().payload["status"] == "completed"


def test_the_marked_front_is_what_no_other_trial_beats(start):
    study = start(n_trials=6)

    work(study)

    values = {trial.number: tuple(trial.values) for trial in study.trials.all()}
    beaten = {
        number
        for number, mine in values.items()
        if any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine
            for other in values.values()
        )
    }
    front = set(study.trials.filter(is_pareto=True).values_list("number", flat=True))
    assert front == set(values) - beaten


def test_a_study_that_was_cut_off_goes_on_as_if_it_had_not_been(start, monkeypatch):
    straight, cut = start(n_trials=6), None
    work(straight)
    cut = start_again(start, straight)

    evaluate, calls = Session.evaluate, []

    def killed_at_third(self, parameters):
        calls.append(parameters)
        if len(calls) == 3:
            raise Killed
        return evaluate(self, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "evaluate", killed_at_third)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(cut)
    Job.objects.filter(study=cut).update(lease_until="2000-01-01T00:00Z")
    work(cut)

    assert cut.status == Status.COMPLETED
    assert parameters_of(cut) == parameters_of(straight)
    assert list(cut.trials.values_list("number", flat=True)) == list(range(6))


def test_an_enqueued_trial_cut_off_while_it_was_sampled_keeps_its_number(start, monkeypatch):
    study = start(n_trials=3, enqueue=[{"parameters": {"direction_scope": "global"}}])
    suggest_one, drawn = search_space._suggest_one, {}

    def killed_at_third(trial, name, value):
        if len(drawn) == 2:
            raise Killed
        drawn[name] = suggest_one(trial, name, value)
        return drawn[name]

    with monkeypatch.context() as patch:
        patch.setattr(search_space, "_suggest_one", killed_at_third)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(study)
    Job.objects.filter(study=study).update(lease_until="2000-01-01T00:00Z")
    work(study)

    first, *others = study.trials.order_by("number")
    assert [trial.number for trial in (first, *others)] == [0, 1, 2]
    assert first.source == Trial.Source.ENQUEUED
    assert all(str(value) in str(first.parameters) for value in drawn.values())


def test_a_worker_lost_while_it_asks_leaves_no_trial_without_all_its_parameters(
    start, monkeypatch, settings
):
    study = start(n_trials=3)

    def killed(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("optuna.storages.RDBStorage._set_trial_attr_without_commit", killed)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(study)
    assert optuna_states(study, settings) == []
    Job.objects.filter(study=study).update(lease_until="2000-01-01T00:00Z")
    work(study)

    assert list(study.trials.order_by("number").values_list("number", flat=True)) == [0, 1, 2]


def start_again(start, study, **settings):
    given = {"n_trials": study.n_trials, **settings.get("settings", {})}
    return commands.study_create(study.owner, model="tiny", profile=study.profile, settings=given)


def test_a_trial_stored_but_not_told_is_told_and_not_run_again(start, monkeypatch, settings):
    study = start()

    def killed(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("studies.engine.search.tell_complete", killed)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(study)
    assert optuna_states(study, settings) == ["RUNNING"]
    Job.objects.update(lease_until="2000-01-01T00:00Z")
    work(study)

    assert study.n_finished == study.trials.count() == 3
    assert optuna_states(study, settings) == ["COMPLETE"] * 3


def test_a_stop_ends_the_study_and_resume_repeats_no_parameters(start, monkeypatch):
    study = start(n_trials=4)
    evaluate = Session.evaluate

    def stop_in_second(self, parameters):
        if Trial.objects.filter(study=study).count() == 1:
            commands.study_stop(study)
        return evaluate(self, parameters)

    with monkeypatch.context() as patch:
        patch.setattr("studies.runner.ports.STOP_PAUSE", 0)
        patch.setattr(Session, "evaluate", stop_in_second)
        work(study)
    assert (study.status, study.n_finished) == (Status.STOPPED, 1)

    commands.study_resume(study)
    work(study)

    assert (study.status, study.n_finished) == (Status.COMPLETED, 4)
    assert len(set(parameters_of(study))) == 4
    assert list(study.trials.values_list("number", flat=True)) == [0, 1, 2, 3]


def test_an_extended_study_goes_on_to_its_new_target(start):
    study = start(n_trials=2)
    work(study)

    commands.study_extend(study, 2)
    work(study)

    assert (study.status, study.n_finished) == (Status.COMPLETED, 4)
    assert len(set(parameters_of(study))) == 4


def test_an_extension_at_the_very_end_is_not_lost(start, monkeypatch):
    study = start(n_trials=2)
    run = trial_loop.TrialLoop.run

    def extended_after(self):
        run(self)
        commands.study_extend(study, 1)

    with monkeypatch.context() as patch:
        patch.setattr(trial_loop.TrialLoop, "run", extended_after)
        work(study)
    assert study.status == Status.QUEUED

    work(study)
    assert (study.status, study.n_finished) == (Status.COMPLETED, 3)


@pytest.mark.parametrize("cause", [OSError(28, "No space left"), "database or disk is full"])
def test_a_full_disk_is_named_and_the_finished_trials_stay(start, monkeypatch, cause):
    study = start()
    error = cause if isinstance(cause, OSError) else OperationalError(cause)

    def full(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("studies.engine.search.tell_complete", full)
        work(study)
    assert (study.status, study.error_code) == (Status.FAILED, "disk_full")

    commands.study_resume(study)
    work(study)
    assert (study.status, study.n_finished) == (Status.COMPLETED, 3)


def test_a_database_that_fails_for_a_while_leaves_the_study_to_the_next_start(start, monkeypatch):
    study = start()

    def locked(*args):
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr("studies.runner.trial_loop.trial_record", locked)
        work(study)
    assert study.status == Status.RUNNING
    Job.objects.update(lease_until="2000-01-01T00:00Z")

    work(study)
    assert (study.status, study.n_finished) == (Status.COMPLETED, 3)


def test_one_failing_trial_is_recorded_with_its_reason_and_the_study_goes_on(start, monkeypatch):
    study = start()
    evaluate, calls = Session.evaluate, []

    def fails_once(self, parameters):
        calls.append(1)
        if len(calls) == 2:
            raise NonFiniteError("NaN in the logits.")
        return evaluate(self, parameters)

    monkeypatch.setattr(Session, "evaluate", fails_once)
    work(study)

    assert (study.status, study.n_finished, study.n_failed) == (Status.COMPLETED, 3, 1)
    failed = study.trials.get(state=Trial.State.FAILED)
    assert (failed.number, failed.error, failed.values) == (1, "NaN in the logits.", [])


def test_trials_that_all_fail_end_the_study_with_the_reason(start, monkeypatch):
    study = start(n_trials=20)

    def fails(self, parameters):
        raise NonFiniteError("NaN in the logits.")

    monkeypatch.setattr(Session, "evaluate", fails)
    work(study)

    assert (study.status, study.error_code) == (Status.FAILED, "trials_failed")
    assert study.n_failed == trial_loop.MOST_FAILURES
    assert "NaN in the logits." in study.error


def test_a_trial_that_loses_every_worker_is_given_up(start, monkeypatch):
    study = start(n_trials=2)
    evaluate, killed = Session.evaluate, []

    def first_kills(self, parameters):
        killed.append(killed[0] if killed else parameters)
        if parameters == killed[0]:
            raise Killed
        return evaluate(self, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "evaluate", first_kills)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        for _ in range(trial_loop.MOST_STARTS):
            with pytest.raises(Killed):
                work(study)
            Job.objects.update(lease_until="2000-01-01T00:00Z")
    monkeypatch.setattr(Session, "evaluate", first_kills)
    work(study)

    assert (study.status, study.n_finished) == (Status.COMPLETED, 2)
    assert "worker was lost" in study.trials.get(state=Trial.State.FAILED).error


def test_a_model_that_vanished_fails_the_study_with_one_sentence(start, settings, tmp_path):
    study = start()
    settings.MODEL_ROOTS = [tmp_path]

    work(study)

    assert (study.status, study.error_code) == (Status.FAILED, "model_not_found")
    assert "tiny" in study.error
    assert study.jobs.get().status == Job.Status.FAILED


def test_a_worker_told_to_end_gives_the_study_back(start, monkeypatch):
    study = start()

    def interrupted(self, parameters):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Session, "evaluate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            work(study)
    study.refresh_from_db()
    assert study.status == Status.QUEUED

    work(study)
    assert (study.status, study.n_finished) == (Status.COMPLETED, 3)


def test_a_worker_that_lost_its_lease_stores_nothing_more(start, monkeypatch):
    study = start()
    evaluate = Session.evaluate

    def too_late(self, parameters):
        result = evaluate(self, parameters)
        Job.objects.update(lease_until="2000-01-01T00:00Z")
        job_claim("another worker")
        return result

    monkeypatch.setattr(Session, "evaluate", too_late)
    work(study)

    assert study.trials.count() == 0
    assert Job.objects.get().worker_id == "another worker"
