"""Scorings through the API and on the pages; the rows are written by hand."""

import pytest

from studies.cards import card_text
from studies.models import Job, PromptSet, Scoring, ScoringResult
from studies.selectors.row_tables import trial_table
from tests.conftest import SCORE

HELD_OUT = SCORE | {"value": 0.75, "display": "3/4", "low": 0.3, "high": 0.95, "n": 4, "hits": 3}
ROW = {
    "name": "Others",
    "slug": "others",
    "how": "chosen",
    "digest": "d",
    "count": 4,
    "dropped": 1,
}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed", baseline=[SCORE])
    for number in range(2):
        make_trial(study, number, is_pareto=number == 0)
    PromptSet.objects.create(slug="others", name="Others", text="one\ntwo\nfirst of bad")
    return study


@pytest.fixture
def make_scoring(make_job):
    """Return a factory of scorings of a study's trials that are done."""

    def make(study, *trials, **result):
        job = make_job(study, kind=Job.Kind.RESCORE, status="done")
        original = HELD_OUT | {"display": "4/4", "value": 1.0}
        scoring = Scoring.objects.create(
            owner=study.owner,
            study=study,
            job=job,
            original=study.model,
            prompts={"bad-test": ROW},
            baseline=[original],
        )
        for trial in trials:
            given = {"scores": [HELD_OUT], **result}
            ScoringResult.objects.create(scoring=scoring, trial=trial, **given)
        return scoring

    return make


def test_the_front_is_queued_and_then_read_beside_the_searchs_own_values(api, study, make_scoring):
    client, path = api(study.owner), f"studies/{study.pk}/rescores"

    answer = client.post(path, {"prompts": {"bad-test": "others"}})

    assert answer.status_code == 202
    made = answer.json()
    assert (made["job"]["kind"], made["job"]["status"]) == ("rescore", "queued")
    assert Job.objects.get().payload["trials"] == [0]
    (prompts,) = made["prompts"]
    assert (prompts["scored"], prompts["slug"], prompts["count"]) == ("bad-test", "others", 3)

    done = make_scoring(study, study.trials.get(number=0))
    newest, oldest = client.get(path).json()
    assert (newest["id"], oldest["id"]) == (str(done.pk), made["id"])
    assert client.get(f"scorings/{done.pk}").json() == newest
    (result,) = newest["results"]
    assert result["trial"] == 0
    assert [score["display"] for score in result["search"]] == ["1/2"]
    assert [(s["display"], s["n"], s["hits"]) for s in result["scores"]] == [("3/4", 4, 3)]
    assert [score["display"] for score in newest["baseline"]] == ["4/4"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"trials": [9]}, "trials[0]"),
        ({"trials": [-1]}, "trials[0]"),
        ({"trials": ["1"]}, "trials[0]"),
        ({"trials": [True]}, "trials[0]"),
        ({"trials": []}, "trials"),
        ({"trials": list(range(501))}, "trials"),
        ({"prompts": {"bad-test": "gone"}}, "prompts.bad-test"),
        ({"prompts": {"bad-test": 1}}, "prompts.bad-test"),
        ({"prompts": {"gone": "others"}}, "prompts.gone"),
        ({"prompts": []}, "prompts"),
        ({"front": True}, "front"),
    ],
)
def test_what_cannot_be_scored_is_refused_at_its_place(api, study, body, place):
    answer = api(study.owner).post(f"studies/{study.pk}/rescores", body)

    assert answer.status_code == 422
    assert place in [problem["place"] for problem in answer.json()["errors"]]
    assert not Job.objects.exists()


def test_the_same_twice_at_once_is_a_conflict(api, study):
    client, body = api(study.owner), {"prompts": {"bad-test": "others"}}
    path = f"studies/{study.pk}/rescores"

    assert [client.post(path, body).status_code for _ in range(2)] == [202, 409]


def test_a_scoring_is_there_for_who_may_see_its_study(api, study, make_scoring, make_user):
    path = f"scorings/{make_scoring(study).pk}"

    assert api(study.owner).get(path).status_code == 200
    assert api(make_user(is_staff=True)).get(path).status_code == 200
    assert api(make_user()).get(path).status_code == 404


def test_the_newest_scores_stand_in_the_table_of_trials(study, make_scoring):
    assert not [name for name in trial_table(study).columns if "held out" in name]
    trial = study.trials.get(number=0)
    make_scoring(study, trial, scores=[HELD_OUT | {"value": 0.5}])
    make_scoring(study, trial)
    make_scoring(study, trial, scores=[], error="It computes NaN.")

    table = trial_table(study)
    ((nested, first), (_, second)) = [row for chunk in table.chunks for row in chunk]
    names = [name for name in table.columns if "held out" in name]

    assert (first["KeywordRate"], nested["held_out"]) == (0.5, [HELD_OUT])
    assert [first[name] for name in names] == [0.75, 0.3, 0.95, 4]
    assert not [name for name in names if name in second]


def test_the_page_of_a_trial_shows_them_beside_its_own(client, study, make_scoring):
    make_scoring(study, study.trials.get(number=0))
    client.force_login(study.owner)

    page = client.get(f"/studies/{study.pk}/trials/0/").content.decode()
    other = client.get(f"/studies/{study.pk}/trials/1/").content.decode()

    section = page[page.index("On held-out prompts") : page.index("Parameters</h2>")]
    assert all(text in section for text in ("1/2", "3/4", "4/4", "Others (4)"))
    assert "On held-out prompts" not in other


def test_the_card_of_an_export_tells_the_newest(study, make_scoring, make_export):
    trial = study.trials.get(number=0)
    make_scoring(study, trial)
    export = make_export(trial)

    part = card_text(export).partition("### On held-out prompts")[2]

    assert "Others (4)" in part
    assert "| KeywordRate | 3/4 | 0.3 to 0.95 | 4/4 |" in part


def test_the_lists_of_scorings_read_no_row_twice(
    client, study, make_scoring, django_assert_max_num_queries
):
    trials = list(study.trials.all())
    client.force_login(study.owner)
    for _ in range(5):
        make_scoring(study, *trials)

    with django_assert_max_num_queries(32):
        client.get(f"/studies/{study.pk}/")
