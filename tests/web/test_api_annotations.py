import pytest

from studies.models import StudyTag, Trial, TrialTag


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed")
    for number in range(3):
        make_trial(study, number, responses=False)
    return study


@pytest.fixture
def owner(api, study):
    return api(study.owner)


def patch(caller, path, body):
    return caller.post(path, body, method="patch")


def test_a_study_gets_a_name_notes_and_tags(owner, study):
    body = {"name": "Renamed", "notes": "two\nlines", "tags": ["keep", "a b", "keep"]}
    answer = patch(owner, f"studies/{study.pk}", body)

    assert answer.status_code == 200
    found = owner.get(f"studies/{study.pk}").json()
    assert (found["name"], found["notes"]) == ("Renamed", "two\nlines")
    assert found["tags"] == ["a b", "keep"]


def test_what_is_left_out_stays(owner, study):
    patch(owner, f"studies/{study.pk}", {"notes": "Mine.", "tags": ["keep"]})
    patch(owner, f"studies/{study.pk}", {"name": "Renamed"})
    found = patch(owner, f"studies/{study.pk}", {"tags": ["other"]}).json()

    assert (found["name"], found["notes"], found["tags"]) == ("Renamed", "Mine.", ["other"])


def test_a_trial_gets_a_note_and_tags(owner, study):
    path = f"studies/{study.pk}/trials/1"
    patch(owner, path, {"note": "Polite.", "tags": ["export"]})
    patch(owner, path, {"note": "Very polite."})

    found = owner.get(path).json()
    assert (found["note"], found["tags"]) == ("Very polite.", ["export"])
    assert patch(owner, path, {"tags": []}).json()["tags"] == []


def test_open_pages_hear_of_it(owner, study):
    patch(owner, f"studies/{study.pk}", {"tags": ["keep"]})
    patch(owner, f"studies/{study.pk}/trials/2", {"note": "Good."})

    first, second = study.events.order_by("number")
    assert (first.kind, first.payload["tags"]) == ("study_annotated", ["keep"])
    assert (second.kind, second.payload) == (
        "trial_annotated",
        {"trial": 2, "note": "Good.", "tags": []},
    )


def test_lists_are_filtered_by_tag(owner, study, make_study):
    make_study(owner=study.owner)
    StudyTag.objects.create(study=study, tag="keep")
    TrialTag.objects.create(trial=study.trials.get(number=2), tag="export")

    studies = owner.get("studies", tag="keep").json()
    assert ([s["id"] for s in studies["items"]], studies["count"]) == ([str(study.pk)], 1)
    assert owner.get("studies", tag="other").json()["count"] == 0
    trials = owner.get(f"studies/{study.pk}/trials", tag="export").json()
    assert [t["number"] for t in trials["items"]] == [2]


def test_trials_are_filtered_by_state(owner, study, make_trial):
    make_trial(study, 3, state="failed", scores=[], values=[], responses=False)

    trials = owner.get(f"studies/{study.pk}/trials", state="failed").json()["items"]
    assert [t["number"] for t in trials] == [3]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"notes": 5}, "notes"),
        ({"tags": "keep"}, "tags"),
        ({"tags": ["a,b"]}, "tags[0]"),
        ({"tags": ["ok", ""]}, "tags[1]"),
        ({"tags": ["x" * 41]}, "tags[0]"),
        ({"tags": [f"t{n}" for n in range(21)]}, "tags"),
        ({"status": "running"}, "status"),
    ],
)
def test_what_cannot_be_taken_is_refused_at_its_place(owner, study, body, place):
    answer = patch(owner, f"studies/{study.pk}", body)

    assert answer.status_code == 422
    assert [error["place"] for error in answer.json()["errors"]] == [place]
    study.refresh_from_db()
    assert study.name == "A study"


def test_strangers_change_nothing(api, study, make_user):
    stranger = api(make_user("stranger"))

    assert patch(stranger, f"studies/{study.pk}", {"name": "Mine"}).status_code == 404
    assert patch(stranger, f"studies/{study.pk}/trials/0", {"note": "x"}).status_code == 404
    assert not Trial.objects.exclude(note="").exists()


def test_staff_may_annotate_every_study(api, study, make_user):
    staff = api(make_user("staff", is_staff=True))

    assert patch(staff, f"studies/{study.pk}", {"notes": "Seen."}).status_code == 200


def test_the_front_has_one_recommended_trial(owner, study):
    Trial.objects.filter(study=study, number__in=[0, 2]).update(is_pareto=True)
    Trial.objects.filter(study=study, number=2).update(values=[0.25])

    trials = owner.get(f"studies/{study.pk}/trials").json()["items"]
    assert [t["recommended"] for t in trials] == [False, False, True]
    assert owner.get(f"studies/{study.pk}/trials/2").json()["recommended"] is True
    assert owner.get(f"studies/{study.pk}").json()["recommended"] == 2


def test_tags_need_no_query_for_each_row(owner, study, make_study, django_assert_max_num_queries):
    for _ in range(10):
        StudyTag.objects.create(study=make_study(owner=study.owner), tag="keep")
    with django_assert_max_num_queries(6):
        owner.get("studies")
    with django_assert_max_num_queries(7):
        owner.get(f"studies/{study.pk}/trials")
