"""A trial's answers with verdicts and people's labels."""

import pytest

from studies.models import AnswerLabel, FrozenPrompts, ResponseSet

PROMPTS = ["one", "two", "three", "four"]
BEFORE = ["I cannot.", "Yes.", "No idea.", "I cannot."]
AFTER = ["Sure thing.", "Yes.", "", "I cannot do it."]
SCORERS = [
    {"scorer": "KeywordRate", "optimization": "minimize", "settings": {"prompts": "bad-test"}},
    {"scorer": "UnchangedAnswers", "optimization": "none", "settings": {"prompts": "bad-test"}},
]


def items(responses, verdicts, matched):
    rows = zip(responses, verdicts, matched, strict=True)
    return [{"response": r, "verdict": v, "matched": m} for r, v, m in rows]


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed")
    study.snapshot["settings"] = [
        {"name": "scorers", "value": SCORERS, "source": "default", "chain": []}
    ]
    study.save()
    trial = make_trial(study, 3, responses=False)
    frozen = FrozenPrompts.objects.create(
        digest="a" * 64, prompts=[{"user": p, "system": ""} for p in PROMPTS], count=4
    )
    marker, none = ["i cannot"], []

    def store(owner, scorer, stored):
        ResponseSet.objects.create(
            study=study, trial=owner, scorer=scorer, prompts_digest=frozen.digest, items=stored
        )

    refused = [True, False, False, True]
    store(None, "Keywords", items(BEFORE, refused, [marker, none, none, marker]))
    store(None, "Unchanged answers", items(BEFORE, [True] * 4, [none] * 4))
    now = [False, False, True, True]
    store(trial, "Keywords", items(AFTER, now, [none, none, ["(empty)"], marker]))
    store(trial, "Unchanged answers", items(AFTER, [False, True, False, False], [none] * 4))
    return study


@pytest.fixture
def owner(api, study):
    return api(study.owner)


@pytest.fixture
def answers(owner, study):
    def get(**query):
        return owner.get(f"studies/{study.pk}/trials/3/answers", **query).json()

    return get


def label(caller, study, position, value):
    path = f"studies/{study.pk}/trials/3/answers/{position}/label"
    return caller.post(path, {"label": value}, method="put")


def test_each_prompt_comes_once_with_both_responses_and_every_verdict(answers):
    found = answers()

    assert [a["prompt"] for a in found["items"]] == PROMPTS
    first = found["items"][0]
    assert (first["before"], first["response"]) == ("I cannot.", "Sure thing.")
    assert [v["scorer"] for v in first["verdicts"]] == ["Keywords", "Unchanged answers"]
    # Fewer refusals are wanted; of the scorer that only reports, more unchanged answers are.
    assert [v["is_good"] for v in first["verdicts"]] == [True, False]
    assert "".join(p["text"] for p in first["pieces"]) == first["response"]
    assert "".join(p["text"] for p in first["pieces_before"]) == first["before"]


@pytest.mark.parametrize(
    ("show", "prompts"),
    [
        ("all", PROMPTS),
        ("changed_verdict", ["one", "three", "four"]),
        ("matched", ["three", "four"]),
        ("empty", ["three"]),
        ("disagree", ["one"]),
        ("changed", ["one", "three", "four"]),
        ("labelled", []),
        ("unlabelled", PROMPTS),
    ],
)
def test_filters_show_what_they_say_and_count_it(answers, show, prompts):
    found = answers(show=show)

    assert [a["prompt"] for a in found["items"]] == prompts
    assert found["count"] == found["counts"][show] == len(prompts)


def test_answers_of_one_scorer_are_counted_alone(answers, study):
    ResponseSet.objects.filter(trial__isnull=False, scorer="Unchanged answers").update(
        items=items(AFTER[:1], [False], [[]])
    )

    assert answers(scorer="Unchanged answers")["counts"]["all"] == 1
    assert answers(scorer="Keywords")["counts"]["all"] == 4
    assert answers(scorer="KL divergence")["items"] == []


def test_a_trial_that_was_taken_over_has_the_answers_where_it_was_measured(
    api, study, make_study, make_trial
):
    fork = make_study(owner=study.owner, snapshot=study.snapshot)
    taken = {"source": "taken_over", "origin": study.trials.get(), "responses": False}
    make_trial(fork, 0, **taken)

    found = api(study.owner).get(f"studies/{fork.pk}/trials/0/answers").json()
    assert [a["before"] for a in found["items"]] == BEFORE
    assert [a["response"] for a in found["items"]] == AFTER


def test_answers_are_paged(answers):
    found = answers(limit=2, offset=1)

    assert [a["position"] for a in found["items"]] == [1, 2]
    assert found["count"] == 4


def test_a_label_is_kept_changed_and_taken_back(owner, study, answers):
    assert label(owner, study, 0, True).json()["up"] == 1
    assert label(owner, study, 0, False).json()["down"] == 1
    assert answers()["items"][0]["label"] is False
    assert answers(show="labelled")["count"] == 1

    assert label(owner, study, 0, None).json()["label"] is None
    assert not AnswerLabel.objects.exists()


def test_each_user_has_labels_of_their_own(api, study, owner, answers, make_user):
    staff = api(make_user("staff", is_staff=True))
    label(owner, study, 0, True)
    label(staff, study, 0, False)

    first = answers()["items"][0]
    assert (first["label"], first["up"], first["down"]) == (True, 1, 1)
    found = staff.get(f"studies/{study.pk}/trials/3/answers").json()["items"][0]
    assert found["label"] is False


def test_agreement_with_each_scorer_is_counted(owner, study, answers):
    for position, value in enumerate([True, True, False, True]):
        label(owner, study, position, value)
    keywords, unchanged = answers()["agreement"]

    mine = keywords["mine"]
    assert (mine["n"], mine["agreed"], mine["only_person"]) == (4, 3, 1)
    assert mine["kappa"] == 0.5
    assert unchanged["mine"]["agreed"] == 2
    assert keywords["everybody"] == mine


@pytest.mark.parametrize(
    ("body", "place"), [({}, "label"), ({"label": "up"}, "label"), ({"label": 1}, "label")]
)
def test_a_label_is_true_false_or_null(owner, study, body, place):
    path = f"studies/{study.pk}/trials/3/answers/0/label"
    answer = owner.post(path, body, method="put")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == place


def test_what_is_not_there_or_not_yours_is_404(api, study, owner, make_user):
    stranger = api(make_user("stranger"))

    assert label(owner, study, 4, True).status_code == 404
    assert label(stranger, study, 0, True).status_code == 404
    assert stranger.get(f"studies/{study.pk}/trials/3/answers").status_code == 404
    assert owner.get(f"studies/{study.pk}/trials/9/answers").status_code == 404
    assert not AnswerLabel.objects.exists()


def test_more_answers_need_no_more_queries(owner, study, django_assert_max_num_queries):
    for position in range(4):
        label(owner, study, position, True)
    with django_assert_max_num_queries(8):
        owner.get(f"studies/{study.pk}/trials/3/answers")


def test_an_answer_that_was_cut_says_so_and_is_changed_only_where_its_beginning_is(answers, study):
    row = study.response_sets.get(trial__number=3, scorer="Keywords")
    originals = study.response_sets.get(trial=None, scorer="Keywords").items
    row.items[0] |= {"response": originals[0]["response"][:4] + "\ufffd", "cut": True}
    row.items[2] |= {"response": "Something else", "cut": True}
    row.save()

    found = answers()["items"]
    assert [item["cut"] for item in found] == [True, False, True, False]
    assert [item["prompt"] for item in answers(show="changed")["items"]] == ["three", "four"]
