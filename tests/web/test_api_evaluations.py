"""Finished models beside their bases, through the API and on the pages."""

import pytest

from studies.models import Job, Scoring, ScoringResult
from tests.conftest import SCORE
from tests.engine.tiny import save_tiny


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture(scope="module")
def model_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for name in ("base", "finished"):
        save_tiny("llama", root / name)
    return root


@pytest.fixture
def body(model_root, settings, make_profile):
    settings.MODEL_ROOTS = [model_root]
    make_profile()
    return {"model": "finished", "base": "base", "profile": "refusals"}


@pytest.fixture
def make_evaluation(make_user, make_profile):
    """Return a factory of comparisons that are done."""

    def make(owner):
        payload = {"model": "someone/finished", "revision": ""}
        job = Job.objects.create(kind=Job.Kind.EVALUATE, status="done", payload=payload)
        scoring = Scoring.objects.create(
            owner=owner,
            job=job,
            original="someone/base",
            model="someone/finished",
            prompts={},
            baseline=[SCORE],
        )
        ScoringResult.objects.create(scoring=scoring, scores=[SCORE])
        return scoring

    return make


def test_a_finished_model_is_queued_and_listed(api, make_user, body):
    client = api(make_user())

    answer = client.post("evaluations", body)

    assert answer.status_code == 202
    made = answer.json()
    assert (made["study"], made["model"], made["original"]) == (None, "finished", "base")
    assert [row["how"] for row in made["prompts"]] == ["prefix", "prefix", "own"]
    assert (made["job"]["status"], made["job"]["study"]) == ("queued", None)
    assert client.get("evaluations").json()["items"] == [made]
    assert client.get(f"scorings/{made['id']}").json() == made
    (job,) = client.get("jobs").json()["items"]
    assert (job["kind"], job["model"], job["place"]) == ("evaluate", "finished", 1)
    assert client.post(f"jobs/{job['id']}/cancel").json()["status"] == "canceled"


def test_an_export_takes_the_place_of_a_name(api, body, make_study, make_trial, make_export):
    study = make_study(model="base")
    merged, unfinished = (
        make_export(make_trial(study)),
        make_export(make_trial(study, 1), ready=False),
    )
    gguf = make_export(make_trial(study, 2), strategy="gguf")
    client = api(study.owner)

    def post(export, **fields):
        given = {"export": str(export.pk), "profile": "refusals"}
        return client.post("evaluations", given | fields)

    assert post(merged).json()["original"] == "base"
    for answer, place in (
        (post(unfinished), "export"),
        (post(gguf), "export"),
        (post(merged, model="finished"), "model"),
    ):
        assert answer.status_code == 422
        assert [problem["place"] for problem in answer.json()["errors"]] == [place]


def test_an_export_of_somebody_else_is_not_there(
    api, body, make_user, make_study, make_trial, make_export
):
    export = make_export(make_trial(make_study(model="base")))

    answer = api(make_user()).post(
        "evaluations", {"export": str(export.pk), "profile": "refusals"}
    )

    assert answer.json()["errors"] == [{"place": "export", "message": "there is no such export"}]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"profile": "gone"}, "profile"),
        ({"model": 1}, "model"),
        ({"model": "x" * 301}, "model"),
        ({"export": "x"}, "export"),
        ({"base": None}, "base"),
        ({"baseline": "x"}, "baseline"),
    ],
)
def test_bad_input_is_refused_at_its_place(api, make_user, body, fields, place):
    answer = api(make_user()).post("evaluations", body | fields)

    assert answer.status_code == 422
    assert [problem["place"] for problem in answer.json()["errors"]] == [place]


def test_an_evaluation_is_its_owners_and_seen_by_staff(api, make_user, make_evaluation):
    owner = make_user("owner")
    scoring = make_evaluation(owner)

    for user, status, count in (
        (owner, 200, 1),
        (make_user(is_staff=True), 200, 1),
        (make_user(), 404, 0),
    ):
        assert api(user).get(f"scorings/{scoring.pk}").status_code == status
        assert api(user).get("evaluations").json()["count"] == count
        assert api(user).get("jobs").json()["count"] == count


def test_pages_name_a_job_without_a_study_by_its_model(client, make_user, make_evaluation):
    owner = make_user("owner")
    scoring = make_evaluation(owner)
    client.force_login(owner)

    for status in ("done", "queued"):
        Job.objects.filter(pk=scoring.job_id).update(status=status)
        page = client.get("/queue/").content.decode()
        assert 'href="/evaluations/"' in page
        assert page.count("someone/finished") >= 1
    assert "someone/finished" in client.get("/evaluations/").content.decode()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert client.get("/admin/studies/job/").status_code == 200
    assert client.get("/admin/studies/scoring/").status_code == 200
