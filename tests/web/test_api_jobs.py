import pytest


def test_jobs_show_their_study_and_their_place(api, make_user, make_study, make_job):
    owner = make_user("owner")
    first, second, third = (make_study(owner=owner, status="queued") for _ in range(3))
    make_job(first, status="running", worker_id="w1")
    make_job(second)
    make_job(third, priority=5)
    caller = api(owner)

    answer = caller.get("jobs").json()

    assert answer["count"] == 3
    shown = {j["study"]["id"]: (j["status"], j["place"], j["worker"]) for j in answer["items"]}
    assert shown == {
        str(first.pk): ("running", None, "w1"),
        str(second.pk): ("queued", 2, ""),
        str(third.pk): ("queued", 1, ""),
    }
    assert caller.get("jobs", status="running").json()["count"] == 1
    assert len(caller.get("jobs", limit=1, offset=2).json()["items"]) == 1


@pytest.mark.parametrize(
    ("study_status", "job_status", "left"),
    [("queued", "queued", "canceled"), ("running", "running", "running")],
)
def test_a_job_is_canceled_by_stopping_its_study(
    api, make_study, make_job, study_status, job_status, left
):
    study = make_study(status=study_status)
    job = make_job(study, status=job_status)

    response = api(study.owner).post(f"jobs/{job.pk}/cancel")

    assert (response.status_code, response.json()["status"]) == (202, left)
    study.refresh_from_db()
    assert study.status in ("stopped", "stopping")


@pytest.mark.parametrize(
    ("status", "left", "stopping"), [("queued", "canceled", False), ("running", "running", True)]
)
def test_a_job_of_another_kind_is_canceled_without_touching_its_study(
    api, make_study, make_job, status, left, stopping
):
    study = make_study(status="completed")
    job = make_job(study, status=status, kind="chore", payload={"trial": 3})

    answer = api(study.owner).post(f"jobs/{job.pk}/cancel").json()

    assert (answer["status"], answer["stopping"], answer["trial"]) == (left, stopping, 3)
    study.refresh_from_db()
    assert study.status == "completed"


def test_a_job_shows_its_own_progress_and_a_study_that_of_its_run(api, make_study, make_job):
    study = make_study(status="running", progress={"phase": "generating"})
    make_job(study, status="running")
    make_job(study, status="running", kind="chore", progress={"phase": "writing", "done": 1})

    items = api(study.owner).get("jobs").json()["items"]

    assert {item["kind"]: item["progress"]["phase"] for item in items} == {
        "study_run": "generating",
        "chore": "writing",
    }


def test_an_ended_job_cannot_be_canceled(api, make_study, make_job):
    study = make_study(status="completed")
    job = make_job(study, status="done")

    assert api(study.owner).post(f"jobs/{job.pk}/cancel").status_code == 409
    assert api(study.owner).post(f"jobs/{job.pk}/priority", {"priority": 1}).status_code == 409


def test_the_priority_of_a_queued_job_can_be_set(api, make_study, make_job):
    study = make_study(status="queued")
    job = make_job(study)

    response = api(study.owner).post(f"jobs/{job.pk}/priority", {"priority": 7})

    assert (response.status_code, response.json()["priority"]) == (202, 7)


@pytest.mark.parametrize("priority", [101, -101, 1.5, "7", None])
def test_a_priority_is_a_whole_number_of_at_most_100(api, make_study, make_job, priority):
    study = make_study(status="queued")
    job = make_job(study)

    response = api(study.owner).post(f"jobs/{job.pk}/priority", {"priority": priority})

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == ["priority"]


def test_many_queued_jobs_need_few_queries(
    api, make_user, make_study, make_job, django_assert_max_num_queries
):
    owner = make_user("owner")
    for _ in range(30):
        make_job(make_study(owner=owner, status="queued"))
    caller = api(owner)

    with django_assert_max_num_queries(6):
        assert len(caller.get("jobs").json()["items"]) == 30
