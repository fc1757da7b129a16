"""Pruned trials wherever trials are shown: what they have got, why they ended, nothing made up."""

import csv
import io

import pytest

from studies.selectors import figures, row_tables
from studies.selectors.figures import study_record
from tests.conftest import SCORE

WHY = "KL divergence is 0.75, above the limit of 0.5."
PRUNED = {"stage": 1, "stages": 2, "reason": WHY, "excess": {"KL divergence": 0.25}}
DIVERGENCE = SCORE | {"name": "KL divergence", "value": 0.75, "display": "0.75"}


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed", n_finished=2, n_pruned=1)
    make_trial(study, 0, is_pareto=True, responses=False)
    make_trial(study, 1, state="pruned", scores=[DIVERGENCE], values=[], pruned=PRUNED,
               responses=False)  # fmt: skip
    return study


def test_the_api_tells_pruned_trials_apart_and_says_why(api, study):
    caller = api(study.owner)
    (trial,) = caller.get(f"studies/{study.pk}/trials", state="pruned").json()["items"]
    whole = caller.get(f"studies/{study.pk}/trials/0").json()

    assert (trial["number"], trial["state"], trial["pareto"]) == (1, "pruned", False)
    assert trial["pruned"] == {"stage": 1, "stages": 2, "reason": WHY}
    assert [score["name"] for score in trial["scores"]] == ["KL divergence"]
    assert (trial["error"], whole["pruned"]) == ("", None)
    row = caller.get(f"studies/{study.pk}").json()
    assert (row["n_finished"], row["n_pruned"]) == (2, 1)


def test_a_table_has_the_scores_it_got_and_gaps_for_the_others(study):
    table = row_tables.trial_table(study)
    rows = [flat for chunk in table.chunks for _, flat in chunk]
    text = io.StringIO()
    writer = csv.DictWriter(text, table.columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    first, pruned = csv.DictReader(io.StringIO(text.getvalue()))

    assert (first["pruned_stage"], first["pruned_reason"]) == ("", "")
    assert (pruned["state"], pruned["pruned_stage"], pruned["pruned_reason"]) == (
        "pruned",
        "1",
        WHY,
    )
    assert pruned["KeywordRate"] == ""


def test_figures_have_no_point_of_a_pruned_trial(study):
    record = study_record(study)

    assert [trial.number for trial in record.complete] == [0]
    assert [trial.is_pruned for trial in record.trials] == [False, True]


def test_a_pruned_trial_s_page_says_at_which_stage_and_why(client, study):
    client.force_login(study.owner)
    html = client.get(f"/studies/{study.pk}/trials/1/").content.decode()

    assert "Pruned behind stage 1 of 2." in html
    assert WHY in html
    assert 'class="pill pruned"' in html
    assert "Chat beside the original" not in html


def test_lists_and_comparisons_count_pruned_trials(client, study):
    client.force_login(study.owner)

    assert "1 pruned" in client.get("/").content.decode()
    assert "1 pruned" in client.get(f"/compare?studies={study.pk}").content.decode()


@pytest.mark.parametrize("kind", figures.FIGURES)
def test_a_study_of_pruned_trials_alone_has_empty_figures(api, make_study, make_trial, kind):
    study = make_study(n_finished=1, n_pruned=1)
    make_trial(study, 0, state="pruned", scores=[], values=[], pruned=PRUNED, responses=False)
    answer = api(study.owner).get(f"studies/{study.pk}/figures/{kind}")

    assert answer.status_code == 200
    assert [one["name"] for one in answer.json()["data"]] == (
        ["Pruned trial"] if kind == "timeline" else []
    )


def test_a_pruned_trial_is_neither_exported_nor_talked_to(api, study):
    for what, body in (("exports", {"strategy": "merge"}), ("chats", {})):
        answer = api(study.owner).post(f"studies/{study.pk}/trials/1/{what}", body)
        assert answer.status_code == 422
        assert "is pruned; only a complete trial" in answer.json()["detail"]
