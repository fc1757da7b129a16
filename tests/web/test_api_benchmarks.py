"""Benchmarks by the API: asked for, read, removed, and what is refused at which place."""

import pytest

from studies.models import Benchmark, Job
from tests.conftest import TASK_RESULT, task_scores


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed")
    make_trial(study, 3)
    return study


def test_a_benchmark_is_queued_and_shows_its_job(api, study):
    caller = api(study.owner)
    address = f"studies/{study.pk}/trials/3/benchmarks"

    response = caller.post(address, {"tasks": ["arc_easy", "mmlu"], "num_fewshot": 5})

    answer = response.json()
    assert (response.status_code, answer["status"], answer["trial"]) == (202, "queued", 3)
    assert answer["options"] == {
        "tasks": ["arc_easy", "mmlu"],
        "limit": 100,
        "num_fewshot": 5,
        "apply_chat_template": False,
    }
    job = Job.objects.get(pk=answer["job"]["id"])
    assert (job.kind, job.payload["trial"]) == ("benchmark", 3)
    assert caller.get(f"benchmarks/{answer['id']}").json() == answer
    assert caller.get(address).json() == [answer]
    assert caller.get(f"studies/{study.pk}/benchmarks").json() == {"items": [answer], "count": 1}
    assert caller.get("jobs").json()["items"][0]["kind_label"] == "Benchmark"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "tasks"),
        ({"tasks": []}, "tasks"),
        ({"tasks": "arc_easy"}, "tasks"),
        ({"tasks": [f"t{i}" for i in range(21)]}, "tasks"),
        ({"tasks": [""]}, "tasks[0]"),
        ({"tasks": ["a", "a"]}, "tasks[1]"),
        ({"tasks": ["../../etc/passwd"]}, "tasks[0]"),
        ({"tasks": ["/tmp/task.yaml"]}, "tasks[0]"),
        ({"tasks": ["folder/task"]}, "tasks[0]"),
        ({"tasks": [".hidden"]}, "tasks[0]"),
        ({"tasks": ["arc\u200b_easy"]}, "tasks[0]"),
        ({"tasks": ["größe"]}, "tasks[0]"),
        ({"tasks": ["x\n"]}, "tasks[0]"),
        ({"tasks": ["x" * 129]}, "tasks[0]"),
        ({"tasks": [7]}, "tasks[0]"),
        ({"tasks": ["a"], "limit": 0}, "limit"),
        ({"tasks": ["a"], "limit": 0.5}, "limit"),
        ({"tasks": ["a"], "limit": "10"}, "limit"),
        ({"tasks": ["a"], "limit": 100_001}, "limit"),
        ({"tasks": ["a"], "num_fewshot": -1}, "num_fewshot"),
        ({"tasks": ["a"], "num_fewshot": 65}, "num_fewshot"),
        ({"tasks": ["a"], "apply_chat_template": "yes"}, "apply_chat_template"),
        ({"tasks": ["a"], "trust_remote_code": True}, "trust_remote_code"),
        ({"tasks": ["a"], "include_path": "/etc"}, "include_path"),
    ],
)
def test_options_are_refused_at_their_place(api, study, body, place):
    response = api(study.owner).post(f"studies/{study.pk}/trials/3/benchmarks", body)

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == [place]
    assert not Benchmark.objects.exists()


def test_all_examples_are_asked_for_by_null(api, study):
    body = {"tasks": ["arc_easy"], "limit": None}
    answer = api(study.owner).post(f"studies/{study.pk}/trials/3/benchmarks", body).json()

    assert answer["options"]["limit"] is None


def test_a_failed_trial_and_one_that_is_not_there(api, study, make_trial):
    make_trial(study, 4, state="failed")
    caller, body = api(study.owner), {"tasks": ["arc_easy"]}

    failed = caller.post(f"studies/{study.pk}/trials/4/benchmarks", body)
    missing = caller.post(f"studies/{study.pk}/trials/9/benchmarks", body)

    assert (failed.status_code, missing.status_code) == (422, 404)
    assert "only a complete trial" in failed.json()["detail"]


def test_scores_stand_side_by_side_with_their_errors(api, study, make_benchmark):
    result = TASK_RESULT | {"reused": True}
    benchmark = make_benchmark(study.trials.get(), results=[result])

    (task,) = api(study.owner).get(f"benchmarks/{benchmark.pk}").json()["results"]

    assert (task["name"], task["original_reused"]) == ("arc_easy", True)
    (row,) = task["scores"]
    assert (row["original"], row["original_stderr"]) == (0.8, 0.02)
    assert (row["ablated"], row["ablated_stderr"]) == (0.7, 0.03)
    assert row["difference"] == pytest.approx(-0.1)
    assert row["clear"] is True
    assert (row["higher_is_better"], row["n"], row["n_all"]) == (True, 50, 2376)


def test_one_that_is_under_way_is_canceled_before_it_is_removed(api, study, make_benchmark):
    benchmark = make_benchmark(study.trials.get(), status="queued")
    caller = api(study.owner)

    assert caller.post(f"benchmarks/{benchmark.pk}", method="delete").status_code == 409
    assert caller.post(f"jobs/{benchmark.job_id}/cancel").status_code == 202
    assert caller.post(f"benchmarks/{benchmark.pk}", method="delete").status_code == 204
    assert not Benchmark.objects.exists()
    assert not Job.objects.exists()


def test_choices_are_own_tasks_for_the_model_and_the_usual_ones(api, study, settings, tmp_path):
    settings.BENCHMARK_ROOTS, settings.BENCHMARK_TASKS = [tmp_path], ["arc_easy", "mine"]
    (tmp_path / "mine.yaml").write_text("task: mine\nmetadata: {models: [tiny/*], about: Ours}\n")
    (tmp_path / "any.yaml").write_text("task: any\n")
    (tmp_path / "other.yaml").write_text("task: other\nmetadata: {models: [demo]}\n")

    answer = api(study.owner).get(f"studies/{study.pk}/benchmark-choices").json()

    assert [task["name"] for task in answer["tasks"]] == ["mine", "any", "arc_easy"]
    assert answer["tasks"][0] == {"name": "mine", "about": "Ours", "own": True}
    assert answer["chosen"] == ["mine"]
    assert answer["limit"] == 100


def test_the_pages_show_what_was_measured(client, study, make_benchmark):
    parts = [task_scores("mmlu", 0.5, 0.1), task_scores("mmlu_law", 0.4, 0.1, is_part=True)]
    result = {"name": "mmlu", "original": parts, "ablated": parts, "reused": False}
    make_benchmark(study.trials.get(), results=[result])
    client.force_login(study.owner)

    trial = client.get(f"/studies/{study.pk}/trials/3/")
    overview = client.get(f"/studies/{study.pk}/")

    (shown,) = trial.context["page_data"]["benchmarks"]
    assert [row["task"] for row in shown["results"][0]["scores"]] == ["mmlu", "mmlu_law"]
    (shown,) = overview.context["benchmarks"]
    assert [row["task"] for row in shown["results"][0]["scores"]] == ["mmlu"]


def test_more_benchmarks_need_no_more_queries(
    client, study, make_benchmark, django_assert_max_num_queries
):
    client.force_login(study.owner)
    for _ in range(12):
        make_benchmark(study.trials.get())
    client.get("/")  # caches of the session

    with django_assert_max_num_queries(18):
        client.get(f"/studies/{study.pk}/")
