import pytest
from django.core.cache import caches

from studies.events import PhaseChanged, event_record
from studies.models import Study
from studies.selectors import figures


@pytest.fixture(autouse=True)
def _no_figures_kept():
    caches["figures"].clear()


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="running", n_finished=6)
    for number in range(6):
        weight = 0.8 + number / 10
        make_trial(
            study,
            number,
            responses=False,
            parameters={"max_weight": {"attn.o_proj": weight}},
            values=[weight],
        )
    event_record(study.pk, PhaseChanged(phase="loading", label="Loading the model"))
    return study


@pytest.mark.parametrize("kind", figures.FIGURES)
def test_each_figure_is_sent_as_plotly_reads_it(api, study, kind):
    answer = api(study.owner).get(f"studies/{study.pk}/figures/{kind}")

    assert answer.status_code == 200
    assert bool(answer.json()["data"]) is (kind != "hypervolume")  # there is one objective


def test_a_figure_is_built_once_until_a_trial_is_added(api, study, make_trial, monkeypatch):
    built = []

    def counted(kind, record, objective, build=figures.figure):
        built.append(len(record.trials))
        return build(kind, record, objective)

    monkeypatch.setattr(figures, "figure", counted)
    caller = api(study.owner)
    for _ in range(3):
        caller.get(f"studies/{study.pk}/figures/slice")
    make_trial(study, 6, responses=False)
    Study.objects.filter(pk=study.pk).update(n_finished=7)
    caller.get(f"studies/{study.pk}/figures/slice")

    assert built == [6, 7]


def test_the_timeline_has_the_phases_of_the_study(api, study):
    drawn = api(study.owner).get(f"studies/{study.pk}/figures/timeline").json()

    assert drawn["data"][0]["text"] == ["Loading the model"]


def test_what_is_not_there_or_not_yours_is_refused(api, study, make_user):
    owner, stranger = api(study.owner), api(make_user("stranger"))

    assert stranger.get(f"studies/{study.pk}/figures/slice").status_code == 404
    assert owner.get(f"studies/{study.pk}/figures/slice", objective=1).status_code == 404
    assert owner.get(f"studies/{study.pk}/figures/pie").status_code == 422


def test_a_figure_needs_few_queries_and_slim_rows(api, study, django_assert_max_num_queries):
    caller = api(study.owner)
    with django_assert_max_num_queries(7) as queries:
        caller.get(f"studies/{study.pk}/figures/importances")
    assert not any("studies_responseset" in query["sql"] for query in queries)
    assert not any('"details"' in query["sql"] for query in queries)
