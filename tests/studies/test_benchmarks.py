"""Benchmarks by the worker, from the command to stored scores; a real tiny model throughout."""

import json
import threading

import pytest

from studies import commands, runner
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.watched import WatchedModel
from studies.jobs import job_claim, job_stop
from studies.models import Benchmark, Job, OriginalScores
from studies.runner import ports, sessions
from tests.engine.test_benchmarks import CHOICE, ROWS, WRITTEN
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folders(optuna_storage, settings, tmp_path, monkeypatch):
    settings.BENCHMARK_ROOTS = [tmp_path / "tasks"]
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "rows.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in ROWS))
    (tmp_path / "tasks" / "choice.yaml").write_text(CHOICE.format(name="choice"))
    (tmp_path / "tasks" / "written.yaml").write_text(WRITTEN)
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def study(make_profile, make_user, tiny_model_root):
    """A completed study of two trials on the tiny model."""
    profile = make_profile(settings=TINY_SETTINGS | {"n_trials": 2})
    study = commands.study_create(make_user(), model="tiny", profile=profile)
    assert work().status == Job.Status.DONE
    return study


@pytest.fixture
def counted(monkeypatch):
    """Which kinds of requests reached a model."""
    asked = []
    for name in ("loglikelihood", "generate_until"):
        real = getattr(WatchedModel, name)

        def counting(self, requests, disable_tqdm=True, *, name=name, real=real):
            asked.append(name)
            return real(self, requests, disable_tqdm)

        monkeypatch.setattr(WatchedModel, name, counting)
    return asked


def work():
    """Do what is first in the queue, as a worker does."""
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


def queued(trial, *tasks, **options):
    return commands.benchmark_create(trial, BenchmarkOptions(tasks=list(tasks), **options))


def done(trial, *tasks, **options):
    row = queued(trial, *tasks, **options)
    job = work()
    row.refresh_from_db()
    return row, job


def value(scores):
    return scores[0]["metrics"][0]["value"]


def test_both_models_are_put_to_each_task_and_the_session_stays(study, monkeypatch):
    loads = []
    monkeypatch.setattr("studies.engine.opening.load_model", lambda *a, **kw: loads.append(a))

    row, job = done(study.trials.first(), "choice", "written")

    assert (job.status, job.error) == (Job.Status.DONE, "")
    assert [one["name"] for one in row.results] == ["choice", "written"]
    assert [one["reused"] for one in row.results] == [False, False]
    for one in row.results:
        assert one["original"][0]["n"] == one["ablated"][0]["n"] == len(ROWS)
    assert loads == []


def test_the_ablated_model_is_the_one_that_the_trial_measured(study, monkeypatch):
    applied = []
    kept = sessions._kept.session.method
    apply, reset = kept.apply, kept.reset
    monkeypatch.setattr(kept, "apply", lambda p: applied.append(dict(p)) or apply(p))
    monkeypatch.setattr(kept, "reset", lambda: applied.append("reset") or reset())
    trial = study.trials.last()

    done(trial, "choice")

    parameters, *after = applied
    assert runner.trials.trial_parameters(trial) == parameters
    assert after[-1] == "reset"


def test_a_second_trial_takes_the_originals_scores_over(study, counted):
    first, _ = done(study.trials.first(), "choice")
    second, _ = done(study.trials.last(), "choice")
    other, _ = done(study.trials.last(), "choice", limit=5)

    assert [row.results[0]["reused"] for row in (first, second, other)] == [False, True, False]
    assert second.results[0]["original"] == first.results[0]["original"]
    assert len(counted) == 2 + 1 + 2
    assert OriginalScores.objects.count() == 2


def test_changed_data_is_another_task(study, settings):
    done(study.trials.first(), "choice")
    file = settings.BENCHMARK_ROOTS[0] / "rows.jsonl"
    file.write_text(json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1]) + "\n")

    second, _ = done(study.trials.first(), "choice")

    assert second.results[0]["reused"] is False
    assert second.results[0]["original"][0]["n"] == 2


def test_a_stop_keeps_what_is_finished_and_the_original_model(study, monkeypatch):
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)
    row = queued(study.trials.first(), "choice", "written")
    begin = WatchedModel.generate_until

    def stopped(self, requests, disable_tqdm=True):
        job_stop(row.job_id)
        return begin(self, requests, disable_tqdm)

    monkeypatch.setattr(WatchedModel, "generate_until", stopped)
    job = work()

    row.refresh_from_db()
    assert job.status == Job.Status.CANCELED
    assert [one["name"] for one in row.results] == ["choice"]
    monkeypatch.undo()
    model = sessions._kept.session.loaded.model
    assert not model._forward_pre_hooks


def test_a_worker_that_takes_over_does_not_repeat_finished_tasks(study, counted):
    trial = study.trials.first()
    full, _ = done(trial, "choice")
    row = queued(trial, "choice", "written")
    Benchmark.objects.filter(pk=row.pk).update(results=full.results)
    counted.clear()

    assert work().status == Job.Status.DONE

    row.refresh_from_db()
    assert [one["name"] for one in row.results] == ["choice", "written"]
    assert set(counted) == {"generate_until"}


def test_a_task_with_a_fault_fails_the_job_with_its_name_and_keeps_the_rest(study, settings):
    root = settings.BENCHMARK_ROOTS[0]
    text = CHOICE.format(name="broken").replace("metric: acc,", "metric: acc, aggregation: f1,")
    (root / "broken.yaml").write_text(text.replace("aggregation: mean, ", ""))

    row, job = done(study.trials.first(), "choice", "broken")

    assert (job.status, job.error_code) == (Job.Status.FAILED, "benchmark_task_failed")
    assert job.error.startswith('Task "broken" failed')
    assert [one["name"] for one in row.results] == ["choice"]


def test_progress_says_which_model_is_at_which_task(study, monkeypatch):
    said = []
    monkeypatch.setattr(
        ports.JobReporter, "store", lambda self, progress: said.append(progress["label"])
    )

    trial = study.trials.last()
    done(trial, "choice", "written")

    assert "Fetching the tasks' data" in said
    assert "Original model on choice (task 1 of 2)" in said
    assert f"Trial {trial.number} on written (task 2 of 2)" in said
