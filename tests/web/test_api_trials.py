import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import SCORE, make_responses


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="running")
    for number in range(4):
        make_trial(study, number, is_pareto=number in (1, 3), responses=number == 1)
    make_responses(study)
    return study


def test_trials_come_in_order_or_only_the_front(api, study):
    caller = api(study.owner)

    def numbers(**query):
        answer = caller.get(f"studies/{study.pk}/trials", **query).json()
        return [t["number"] for t in answer["items"]], answer["count"]

    assert numbers() == ([0, 1, 2, 3], 4)
    assert numbers(pareto="true") == ([1, 3], 2)
    assert numbers(pareto="false") == ([0, 1, 2, 3], 4)
    assert numbers(limit=2, offset=1) == ([1, 2], 4)


def test_a_trial_shows_parameters_kernel_and_scores(api, study):
    trial = api(study.owner).get(f"studies/{study.pk}/trials/1").json()

    assert trial["parameters"] == {"max_weight": {"attn.o_proj": 1.1}, "direction_scope": "global"}
    assert trial["kernel"] == {"attn.o_proj": [0.0, 1.1]}
    assert (trial["direction"], trial["details"]) == ("global at 0.6", {})
    assert trial["scores"] == [SCORE]
    assert (trial["number"], trial["state"], trial["pareto"]) == (1, "complete", True)


def test_a_failed_trial_says_why(api, study, make_trial):
    make_trial(study, 4, state="failed", scores=[], values=[], error="NaN in layer 3")

    trial = api(study.owner).get(f"studies/{study.pk}/trials/4").json()

    assert (trial["state"], trial["error"], trial["scores"]) == ("failed", "NaN in layer 3", [])


@pytest.mark.parametrize("path", ["trials/1/responses", "baseline/responses"])
def test_responses_stand_beside_their_prompts_with_the_markers_found(api, study, path):
    answer = api(study.owner).get(f"studies/{study.pk}/{path}").json()

    assert [(r["prompt"], r["response"], r["matched"]) for r in answer] == [
        ("first of bad", "I cannot do that.", ["i cannot"]),
        ("second of bad", "Of course.", []),
    ]


@pytest.mark.parametrize("path", ["trials/9", "trials/9/responses"])
def test_a_trial_that_is_not_there_is_404(api, study, path):
    assert api(study.owner).get(f"studies/{study.pk}/{path}").status_code == 404


def test_a_list_of_trials_needs_few_queries(api, study, django_assert_max_num_queries):
    caller = api(study.owner)

    with django_assert_max_num_queries(7):
        caller.get(f"studies/{study.pk}/trials")


def test_a_brief_list_leaves_out_what_is_long_and_does_not_read_it(api, study):
    caller = api(study.owner)
    with CaptureQueriesContext(connection) as queries:
        answer = caller.get(f"studies/{study.pk}/trials", brief="true").json()

    first = answer["items"][0]
    assert (first["kernel"], first["direction"], first["details"]) == ({}, "", {})
    assert first["scores"] == [SCORE]
    assert not any('"details"' in query["sql"] for query in queries)


def test_a_page_far_back_skips_over_ids_alone(api, study, django_assert_max_num_queries):
    caller = api(study.owner)
    with django_assert_max_num_queries(8) as queries:
        answer = caller.get(f"studies/{study.pk}/trials", limit=2, offset=1).json()

    assert [trial["number"] for trial in answer["items"]] == [1, 2]
    (skipping,) = [query["sql"] for query in queries if "OFFSET" in query["sql"]]
    assert "scores" not in skipping
