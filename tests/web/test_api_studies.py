from datetime import timedelta

import pytest
from django.utils import timezone

from studies.models import Job, Study, StudyRequest

BODY = {"model": "tiny-owner/tiny-llama", "profile": "refusals"}


@pytest.fixture
def client(api, make_user, make_profile):
    make_profile()
    return api(make_user("owner"))


def test_a_study_is_created_frozen_and_queued(client):
    own = {
        "parameters": {"max_weight": {"mlp.down_proj": {"low": 0, "high": 0.5}}},
        "settings": {"n_trials": 3},
        "name": "Mine",
    }

    response = client.post("studies", BODY | own)

    assert response.status_code == 201
    study = response.json()
    assert (study["name"], study["status"], study["n_trials"]) == ("Mine", "queued", 3)
    assert (study["model"], study["owner"]) == (BODY["model"], "owner")
    assert study["queue_place"] == 1
    decided = {(p["name"], p["component"]): p for p in study["resolved"]["parameters"]}
    weight = decided["max_weight", "mlp.down_proj"]
    assert (weight["value"], weight["source"]) == ({"low": 0, "high": 0.5}, "this study")
    assert decided["max_weight", "attn.o_proj"]["source"] != "this study"
    assert client.get(f"studies/{study['id']}").json() == study


def test_a_study_may_wait_as_a_draft_until_it_is_started(client):
    draft = client.post("studies", BODY | {"start": False}).json()
    assert (draft["status"], draft["actions"]) == ("draft", ["start"])
    assert not Job.objects.exists()

    started = client.post(f"studies/{draft['id']}/start")

    assert (started.status_code, started.json()["status"]) == (202, "queued")
    assert client.post(f"studies/{draft['id']}/start").status_code == 409


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"profile": "nothing"}, "profile"),
        ({"model": "../../etc"}, "model"),
        ({"model": "a b"}, "model"),
        ({"model": "http://169.254.169.254/x"}, "model"),
        ({"settings": {"n_trials": 0}}, "settings.n_trials"),
        ({"settings": {"seed": -1}}, "settings.seed"),
        ({"settings": {"good_prompts": "nothing"}}, "settings.good_prompts"),
        ({"parameters": {"max_wieght": 1}}, "parameters.max_wieght"),
        ({"parameters": {"max_weight": "much"}}, "parameters.max_weight"),
        ({"name": "a\u202eb"}, "name"),
    ],
)
def test_a_study_that_cannot_run_is_refused_at_its_place_and_leaves_nothing(client, wrong, place):
    response = client.post("studies", BODY | wrong)

    assert response.status_code == 422
    assert response["content-type"] == "application/problem+json"
    places = [e["place"] for e in response.json()["errors"]]
    assert any(p.startswith(place) for p in places), response.json()
    assert not Study.objects.exists()
    assert not Job.objects.exists()


def test_the_same_key_and_body_make_one_study(client):
    first = client.post("studies", BODY, Idempotency_Key="k-1")
    reordered = dict(reversed(BODY.items()))

    again = client.post("studies", reordered, Idempotency_Key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert (Study.objects.count(), Job.objects.count()) == (1, 1)


def test_the_same_key_with_another_body_is_refused(client):
    client.post("studies", BODY, Idempotency_Key="k-1")

    response = client.post("studies", BODY | {"name": "Another"}, Idempotency_Key="k-1")

    assert response.status_code == 422
    assert response.json()["errors"][0]["place"] == "Idempotency-Key"
    assert Study.objects.count() == 1


def test_a_key_belongs_to_its_user(client, api, make_user):
    client.post("studies", BODY, Idempotency_Key="k-1")
    api(make_user("other")).post("studies", BODY, Idempotency_Key="k-1")

    assert (Study.objects.count(), StudyRequest.objects.count()) == (2, 2)


@pytest.mark.parametrize("key", ["k" * 101, "größe", "a b"])
def test_a_key_that_cannot_be_stored_is_refused(client, key):
    response = client.post("studies", BODY, Idempotency_Key=key)

    assert response.status_code == 422
    assert "Idempotency-Key" in response.json()["detail"]


def test_without_a_key_each_request_makes_a_study(client):
    client.post("studies", BODY)
    client.post("studies", BODY)

    assert Study.objects.count() == 2


@pytest.mark.parametrize(
    ("action", "body", "source", "target"),
    [
        ("stop", None, "queued", "stopped"),
        ("stop", None, "running", "stopping"),
        ("resume", None, "stopped", "queued"),
        ("resume", None, "failed", "queued"),
        ("extend", {"n_trials": 5}, "completed", "queued"),
        ("extend", {"n_trials": 5}, "stopped", "queued"),
    ],
)
def test_actions_are_accepted_in_their_states(api, make_study, action, body, source, target):
    study = make_study(status=source)

    response = api(study.owner).post(f"studies/{study.pk}/{action}", body)

    assert (response.status_code, response.json()["status"]) == (202, target)
    assert response.json()["n_trials"] == (45 if action == "extend" else 40)


@pytest.mark.parametrize(
    ("action", "body", "source"),
    [
        ("stop", None, "completed"),
        ("stop", None, "draft"),
        ("resume", None, "completed"),
        ("resume", None, "running"),
        ("start", None, "running"),
        ("extend", {"n_trials": 5}, "draft"),
    ],
)
def test_actions_out_of_turn_are_a_conflict_and_change_nothing(
    api, make_study, action, body, source
):
    study = make_study(status=source)

    response = api(study.owner).post(f"studies/{study.pk}/{action}", body)

    assert response.status_code == 409
    assert response.json()["type"] == "urn:heretic-web:status_conflict"
    study.refresh_from_db()
    assert (study.status, study.n_trials) == (source, 40)


@pytest.mark.parametrize("n_trials", [0, -1, 10_001, 1.5, "5", True, None, 10**30])
def test_an_extension_is_a_number_of_trials(api, make_study, n_trials):
    study = make_study(status="completed")

    response = api(study.owner).post(f"studies/{study.pk}/extend", {"n_trials": n_trials})

    assert response.status_code in (400, 422)
    assert [e["place"] for e in response.json()["errors"]] == ["n_trials"]


def test_a_failed_study_says_why_and_what_to_do(api, make_study):
    study = make_study(
        status="failed", error="Out of memory.", error_code="out_of_memory", error_advice="Less."
    )
    expected = {"code": "out_of_memory", "message": "Out of memory.", "advice": "Less."}

    assert api(study.owner).get(f"studies/{study.pk}").json()["error"] == expected
    assert api(study.owner).get("studies").json()["items"][0]["error"] == expected


def test_the_list_filters_by_status_and_model_newest_first(api, make_user, make_study):
    owner = make_user("owner")
    for number, (status, model) in enumerate(
        [("running", "a/b"), ("completed", "a/b"), ("completed", "c/d"), ("completed", "a/b")]
    ):
        made = timezone.now() + timedelta(seconds=number)
        make_study(owner=owner, status=status, model=model, name=str(number), created_at=made)

    def names(**query):
        return [item["name"] for item in api(owner).get("studies", **query).json()["items"]]

    assert names() == ["3", "2", "1", "0"]
    assert names(status="completed") == ["3", "2", "1"]
    assert names(status="completed", model="a/b") == ["3", "1"]
    assert names(status="", model="") == names()
    assert names(limit=2, offset=1) == ["2", "1"]
    assert names(offset=2**31 - 1) == []
    page = api(owner).get("studies", status="completed", limit=1).json()
    assert (len(page["items"]), page["count"]) == (1, 3)


@pytest.mark.parametrize("status", ["completed", "queued"])
def test_a_list_costs_as_many_queries_for_fifty_studies_as_for_one(
    api, make_user, make_study, make_job, django_assert_max_num_queries, status
):
    owner = make_user("owner")
    caller = api(owner)
    for _ in range(50):
        study = make_study(owner=owner, status=status)
        if status == "queued":
            make_job(study)

    with django_assert_max_num_queries(6):
        answer = caller.get("studies").json()

    assert len(answer["items"]) == 50
    if status == "queued":
        assert sorted(i["queue_place"] for i in answer["items"]) == list(range(1, 51))
