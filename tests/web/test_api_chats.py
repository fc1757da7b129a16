"""Chats over the API: begun, asked, read, stopped, deleted; everything refused in words."""

import pytest

from studies.models import Chat, ChatTurn, Job

QUESTION = {"message": "Hello", "strength": 1.5}


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def trial(make_study, make_trial):
    return make_trial(make_study(status="completed"), 4)


@pytest.fixture
def owner(api, trial):
    return api(trial.study.owner)


@pytest.fixture
def begun(owner, trial):
    return owner.post(f"studies/{trial.study_id}/trials/4/chats", {"temperature": 0.5}).json()


def test_a_chat_is_begun_with_settings_and_without_work(owner, trial):
    answer = owner.post(f"studies/{trial.study_id}/trials/4/chats", {"temperature": 0.5})

    assert answer.status_code == 201
    chat = answer.json()
    assert (chat["trial"], chat["turns"], chat["settings"]["strength"]) == (4, [], 1.0)
    assert chat["settings"]["temperature"] == 0.5
    assert chat["settings"]["system_prompt"] == ""
    assert not Job.objects.exists()


def test_a_question_is_queued_with_its_place(owner, begun):
    answer = owner.post(f"chats/{begun['id']}/turns", QUESTION)

    assert answer.status_code == 202
    turn = answer.json()
    assert (turn["number"], turn["state"], turn["place"]) == (1, "queued", 1)
    assert (turn["settings"]["strength"], turn["settings"]["temperature"]) == (1.5, 0.5)
    assert 0 <= turn["settings"]["seed"] < 2**32
    chat = owner.get(f"chats/{begun['id']}").json()
    assert (chat["title"], chat["turns"][0]["place"]) == ("Hello", 1)
    job = owner.get("jobs").json()["items"][0]
    assert (job["kind"], job["trial"], job["priority"]) == ("chat", 4, 10)


def test_a_second_question_waits_for_the_first_answer(owner, begun):
    owner.post(f"chats/{begun['id']}/turns", QUESTION)

    answer = owner.post(f"chats/{begun['id']}/turns", QUESTION)

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:heretic-web:chat_busy"
    assert "stop it, or wait" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"message": ""}, "message"),
        ({"message": "Hello", "strength": 2}, "strength"),
        ({"message": "Hello", "max_tokens": None}, "max_tokens"),
        ({"message": "Hello", "owner": 1}, "owner"),
        ({"again": True}, "again"),
        ({"message": "a\u202eb" * 10_000}, "message"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_place(owner, begun, body, place):
    answer = owner.post(f"chats/{begun['id']}/turns", body)

    assert answer.status_code == 422
    assert [error["place"] for error in answer.json()["errors"]] == [place]
    assert not ChatTurn.objects.exists()


def test_stopping_takes_a_queued_question_back(owner, begun):
    owner.post(f"chats/{begun['id']}/turns", QUESTION)

    answer = owner.post(f"chats/{begun['id']}/stop")

    assert (answer.status_code, answer.json()["turns"][0]["state"]) == (202, "stopped")
    assert owner.post(f"chats/{begun['id']}/stop").status_code == 409
    assert Job.objects.get().status == "canceled"


def test_ones_own_chats_are_listed_by_study_and_trial(
    owner, trial, make_chat, make_trial, make_user
):
    mine = make_chat(trial, title="Mine")
    make_chat(make_trial(trial.study, 5))
    make_chat(trial, owner=make_user("other"))

    answer = owner.get("chats", study=trial.study_id, trial=4).json()

    assert [(one["id"], one["title"]) for one in answer["items"]] == [(str(mine.pk), "Mine")]
    assert owner.get("chats").json()["count"] == 2


def test_deleting_waits_for_the_answer_under_way(owner, begun):
    owner.post(f"chats/{begun['id']}/turns", QUESTION)
    assert owner.post(f"chats/{begun['id']}", method="delete").status_code == 409

    owner.post(f"chats/{begun['id']}/stop")

    assert owner.post(f"chats/{begun['id']}", method="delete").status_code == 204
    assert not Chat.objects.exists()


def test_reading_a_long_chat_costs_no_query_per_turn(
    owner, trial, make_chat, django_assert_max_num_queries
):
    chat = make_chat(trial, turns=12)

    with django_assert_max_num_queries(10):
        assert len(owner.get(f"chats/{chat.pk}").json()["turns"]) == 12


def test_the_page_shows_ones_own_chat_and_no_other(client, trial, make_chat, make_user):
    client.force_login(trial.study.owner)
    page = f"/studies/{trial.study_id}/trials/4/chat/"
    mine, others = make_chat(trial, turns=1), make_chat(trial, owner=make_user("other"))

    assert "Question 1" in client.get(page, {"chat": mine.pk}).content.decode()
    assert client.get(page, {"chat": others.pk}).status_code == 404
    assert client.get(page, {"chat": "no id"}).status_code == 200
    assert client.get(page.replace("/4/", "/5/")).status_code == 404
    client.force_login(make_user("stranger"))
    assert client.get(page).status_code == 404
