"""Forks and trials to try first, through the API."""

import pytest

from studies.models import Job, QueuedTrial, Study
from tests.studies.test_forks import narrow, parameters, score

BODY = {"model": "tiny-owner/tiny-llama", "profile": "refusals"}
FIRST = [{"parameters": {"max_weight": {"attn.o_proj": 1.2}}}]
MLP = 'max_weight["mlp.down_proj"]'


@pytest.fixture
def client(api, make_user, make_profile):
    make_profile()
    return api(make_user("owner"))


@pytest.fixture
def original(client, make_trial):
    made = client.post("studies", BODY | {"start": False, "name": "First"}).json()
    study = Study.objects.get(pk=made["id"])
    for number, (weight, value) in enumerate([(0.2, 0.5), (0.9, 0.1)]):
        make_trial(study, number, parameters=parameters(weight), values=[value],
                   scores=[score(value)])  # fmt: skip
    return study


def places(response):
    assert response.status_code == 422, response.json()
    return [error["place"] for error in response.json()["errors"]]


def test_a_fork_is_made_started_and_says_what_it_took_over(client, original):
    response = client.post(
        f"studies/{original.pk}/fork",
        {"parameters": narrow(), "settings": {"n_trials": 3}, "name": "Second"},
    )

    assert response.status_code == 201
    fork = response.json()
    assert (fork["name"], fork["status"], fork["n_trials"]) == ("Second", "queued", 3)
    assert (fork["n_taken_over"], fork["n_finished"]) == (1, 0)
    assert fork["fork"]["study"] == str(original.pk)
    assert (fork["fork"]["n_taken_over"], fork["fork"]["n_left_out"]) == (1, 1)
    (trial,) = client.get(f"studies/{fork['id']}/trials").json()["items"]
    assert (trial["source"], trial["pareto"]) == ("taken_over", True)
    assert trial["origin"] == {"study": str(original.pk), "number": 0}
    answers = client.get(f"studies/{fork['id']}/trials/0/responses").json()
    assert answers == client.get(f"studies/{original.pk}/trials/0/responses").json() != []


def test_a_preview_counts_and_makes_nothing(client, original):
    preview = client.post(
        f"studies/{original.pk}/fork/preview", {"parameters": narrow(), "enqueue": FIRST}
    ).json()

    assert preview["fork"]["n_taken_over"] == 1
    assert preview["fork"]["left_out"][0]["reason"] == f"{MLP} is above 0.5"
    by_key = {(p["name"], p["component"]): p for p in preview["parameters"]}
    row = by_key["max_weight", "mlp.down_proj"]
    assert (row["value"], row["source"]) == ({"low": 0, "high": 0.5}, "this study")
    assert (Study.objects.count(), QueuedTrial.objects.count()) == (1, 0)

    changed = client.post(
        f"studies/{original.pk}/fork/preview", {"settings": {"max_response_length": 9}}
    ).json()
    assert changed["fork"]["changed"] == ["max_response_length"]
    assert changed["fork"]["n_taken_over"] == 0


def test_the_same_key_makes_one_fork(client, original, make_trial):
    path = f"studies/{original.pk}/fork"
    first = client.post(path, {"start": False}, Idempotency_Key="k").json()

    again = client.post(path, {"start": False}, Idempotency_Key="k").json()

    assert again["id"] == first["id"]
    assert Study.objects.count() == 2
    other = client.post(f"studies/{first['id']}/fork", {"start": False}, Idempotency_Key="k")
    assert places(other) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"parameters": {"max_weight": {"low": 2, "high": 1}}}, "parameters.max_weight.high"),
        ({"settings": {"seed": -1}}, "settings.seed"),
        ({"model": "other"}, "model"),
        ({"enqueue": [{"number": -1}]}, "enqueue[0].number"),
        ({"enqueue": [{"study": "x", "number": 1}]}, "enqueue[0].study"),
        ({"enqueue": [{"paramters": {}}]}, "enqueue[0].paramters"),
    ],
)
@pytest.mark.parametrize("end", ["", "/preview"])
def test_a_wrong_fork_is_refused_at_its_place(client, original, body, place, end):
    assert places(client.post(f"studies/{original.pk}/fork{end}", body)) == [place]
    assert Study.objects.count() == 1


def test_a_new_study_may_try_given_trials_first(client, original):
    whole = {"study": str(original.pk), "number": 0}

    made = client.post("studies", BODY | {"enqueue": [*FIRST, whole]})

    assert made.status_code == 201
    typed, taken = made.json()["waiting"]
    assert (typed["parameters"], typed["origin"]) == (FIRST[0]["parameters"], None)
    assert (taken["parameters"], taken["origin"]) == (parameters(0.2), whole)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("studies", BODY),
        ("profiles/refusals/resolve", {}),
        ("studies/{id}/enqueue", {}),
        ("studies/{id}/fork", {}),
    ],
)
def test_every_door_refuses_a_value_outside_the_space_at_the_same_place(
    client, original, path, body
):
    outside = {"enqueue": [*FIRST, {"parameters": {"max_weight": {"mlp.down_proj": 1.8}}}]}

    response = client.post(path.format(id=original.pk), body | outside)

    assert places(response) == [f"enqueue[1].parameters.{MLP}"]
    assert response.json()["errors"][0]["message"] == "is above 1.5 (got 1.8)"
    assert (QueuedTrial.objects.count(), Study.objects.count()) == (0, 1)


def test_what_waits_is_listed_and_survives_until_it_is_tried(client, original):
    added = client.post(f"studies/{original.pk}/enqueue", {"enqueue": FIRST})

    assert added.status_code == 201
    listed = client.get(f"studies/{original.pk}/enqueue").json()
    assert listed == added.json()
    assert [item["parameters"] for item in listed["items"]] == [FIRST[0]["parameters"]]
    assert client.get(f"studies/{original.pk}").json()["waiting"] == listed["items"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("body", [{}, {"enqueue": []}, {"enqueue": FIRST * 201}])
def test_an_enqueue_needs_trials_and_not_too_many(client, original, body):
    assert places(client.post(f"studies/{original.pk}/enqueue", body)) == ["enqueue"]


def test_a_study_that_failed_takes_no_more(client, original):
    Study.objects.filter(pk=original.pk).update(status="failed")

    response = client.post(f"studies/{original.pk}/enqueue", {"enqueue": FIRST})

    assert response.status_code == 409
    assert not QueuedTrial.objects.exists()


def test_a_trial_of_somebody_else_is_not_there(client, make_study, make_trial, api):
    theirs = make_study()
    make_trial(theirs, 0, parameters=parameters(0.2))

    response = client.post("studies", BODY | {"enqueue": [{"study": str(theirs.pk), "number": 0}]})

    assert places(response) == ["enqueue[0]"]


def test_a_list_of_trials_costs_the_same_however_many_come_from_elsewhere(
    client, original, make_trial, django_assert_max_num_queries
):
    for number in range(2, 30):
        make_trial(original, number, responses=False, parameters=parameters(0.3), values=[0.4],
                   scores=[score(0.4)])  # fmt: skip
    fork = client.post(f"studies/{original.pk}/fork", {"start": False}).json()

    with django_assert_max_num_queries(6):
        trials = client.get(f"studies/{fork['id']}/trials").json()
    assert trials["count"] == 30
