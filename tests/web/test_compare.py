"""The page of compared studies: what is common, what differs, what repeats reach."""

import copy
from uuid import UUID, uuid4

import pytest

from studies.selectors import comparison
from tests.conftest import SNAPSHOT

HOSTILE = "</script><script>alert(1)</script>"

NOBODYS = UUID(int=7)  # the id of no study


@pytest.fixture
def owner(make_user):
    return make_user("owner")


@pytest.fixture
def make(make_study, make_trial, owner):
    """Return a factory of finished studies: `make("A", [0.5, 0.1], seed=3)`."""

    def made(name, values, *, owner=owner, front=None, **settings):
        snapshot = copy.deepcopy(SNAPSHOT)
        for key, value in settings.items():
            snapshot["settings"] = [r for r in snapshot["settings"] if r["name"] != key]
            snapshot["settings"].append({"name": key, "value": value, "source": name, "chain": []})
        best = min(values, default=None)
        study = make_study(
            owner=owner,
            name=name,
            status="completed",
            snapshot=snapshot,
            n_finished=len(values),
            best=[{"name": "Keywords", "value": best, "display": f"{best}", "trial": 0}]
            * bool(values),
        )
        for number, value in enumerate(values):
            score = {
                "name": "Keywords",
                "value": value,
                "display": f"{value}",
                "direction": "minimize",
            }
            make_trial(study, number, values=[value], scores=[score], responses=False,
                       is_pareto=value == best)  # fmt: skip
        return study

    return made


@pytest.fixture
def page(client, owner):
    client.force_login(owner)

    def get(*studies, status=200):
        wanted = ",".join(str(getattr(study, "pk", study)) for study in studies)
        answer = client.get(f"/compare?studies={wanted}")
        assert answer.status_code == status
        return answer.content.decode()

    return get


def test_only_what_differs_is_shown_with_who_decided(make):
    one, two = make("A", [0.5], max_response_length=10), make("B", [0.4], max_response_length=20)

    shown = comparison([one, two])

    assert shown["parameters"] == {"rows": [], "n_same": 1}
    (row,) = shown["settings"]["rows"]
    assert row["name"] == "max_response_length"
    assert row["cells"] == [
        {"display": "10", "source": "A"},
        {"display": "20", "source": "B"},
    ]
    assert shown["settings"]["n_same"] == len(SNAPSHOT["settings"])


def test_studies_that_differ_in_their_seed_alone_are_one_group(make):
    studies = [
        make("A", [0.5, 0.2], seed=1),
        make("B", [0.4], seed=2),
        make("C", [0.1], seed=3, max_response_length=9),
    ]

    (group,) = comparison(studies)["repeats"]

    assert [study.name for study in group["studies"]] == ["A", "B"]
    assert group["best"] == [{"mean": "0.3", "deviation": "0.141"}]


def test_the_volume_lies_between_the_best_and_the_worst_of_all(make):
    shown = comparison([make("A", [0.5, 0.1]), make("B", [0.4]), make("C", [0.5]), make("D", [])])

    volumes = [row["volume"] for row in shown["rows"]]
    assert volumes == [pytest.approx(1.0), pytest.approx(0.25), 0.0, None]


def test_what_is_optimised_in_other_ways_is_not_compared(make):
    scorers = [
        {"scorer": "KeywordRate", "optimization": "maximize", "settings": {"prompts": "bad-test"}}
    ]

    shown = comparison([make("A", [0.5]), make("B", [0.4], scorers=scorers)])

    assert shown["objectives"] == []
    assert [row["volume"] for row in shown["rows"]] == [None, None]


def test_the_page_shows_the_studies_in_the_order_asked_for_and_escapes_them(page, make):
    html = page(make("Late", [0.5]), make(HOSTILE, [0.4]))

    assert html.index(">Late<") < html.index("&lt;/script&gt;&lt;script&gt;")
    assert HOSTILE not in html


def test_a_study_that_one_may_not_see_is_not_there(page, make, make_user):
    page(make("Mine", [0.5]), make("Theirs", [0.4], owner=make_user()), status=404)
    page(uuid4(), status=404)
    page("x", status=404)


def test_nothing_chosen_leads_to_the_list(page):
    assert "Nothing is chosen yet" in page()


def test_more_than_a_chart_can_hold_is_said(page, make):
    studies = [make(f"Study {number}", [0.5]) for number in range(10)]

    assert "2 more are left out" in page(*studies)


def test_more_studies_need_no_more_queries(page, make, django_assert_max_num_queries):
    studies = [make(f"Study {number}", [0.5, 0.3]) for number in range(8)]

    with django_assert_max_num_queries(7):
        page(*studies)


@pytest.mark.parametrize(
    "query", ["fork=x", f"fork={NOBODYS}", "try=x", f"try={NOBODYS}:0", "try=:"]
)
def test_a_new_study_from_what_one_may_not_see_is_not_there(client, owner, make_profile, query):
    make_profile()
    client.force_login(owner)

    assert client.get(f"/studies/new?{query}").status_code == 404
