"""Held-out scores on a study's page, and finished models beside their bases, in a browser."""

import pytest
from playwright.sync_api import expect

from studies.models import Job, PromptSet, Scoring, ScoringResult
from tests.conftest import SCORE
from tests.engine.tiny import save_tiny

pytestmark = pytest.mark.browser
WORSE = SCORE | {"value": 0.95, "display": "95/100", "low": 0.91, "high": 0.98, "n": 100}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def visitor(visit):
    visitor = visit()
    yield visitor
    # The browser notes every answer that refuses something.
    assert [text for text in visitor.complaints if "status of 422" not in text] == []


def finish(scoring, trial=None):
    """Write what a worker writes."""
    Scoring.objects.filter(pk=scoring.pk).update(baseline=[SCORE])
    ScoringResult.objects.create(scoring=scoring, trial=trial, scores=[WORSE])
    Job.objects.filter(pk=scoring.job_id).update(status="done", progress={})


def test_the_front_is_scored_again_beside_the_searchs_own_values(visitor, study, make_trial):
    PromptSet.objects.create(slug="others", name="Other prompts", text="one\ntwo")
    page = visitor.goes_to(f"/studies/{study.pk}/")
    section = page.locator("#rescores")
    expect(section).to_contain_text("as soon as a trial has finished")
    trial = make_trial(study, 4, is_pareto=True)
    page.reload()

    section.get_by_role("button", name="Re-evaluate the front").click()
    expect(section.get_by_role("alert")).to_contain_text("make one called bad-test-held-out")
    section.get_by_label("In place of").select_option("Other prompts")
    section.get_by_role("button", name="Re-evaluate the front").click()
    expect(section.locator("article .status")).to_have_text("Queued")
    expect(section.get_by_role("alert")).to_be_hidden()
    scoring = Scoring.objects.get()
    progress = {"label": "Trial 4 on held-out prompts (1 of 1)", "done": 1, "total": 2}
    Job.objects.filter(pk=scoring.job_id).update(status="running", progress=progress)
    expect(section).to_contain_text("Trial 4 on held-out prompts (1 of 1)")
    finish(scoring, trial)

    row = section.get_by_role("row", name="Trial 4")
    expect(row.get_by_role("cell")).to_have_text(["1/210 – 90 %", "95/10091 – 98 %worse"])
    expect(section).to_contain_text("Other prompts, for bad-test: 2 prompts")
    row.get_by_role("link", name="Trial 4").click()
    expect(page.get_by_role("heading", name="On held-out prompts")).to_be_visible()


def test_named_trials_are_scored_and_canceled(visitor, study, make_trial):
    PromptSet.objects.create(slug="bad-test-held-out", name="Named", text="one\ntwo")
    make_trial(study, 4)
    page = visitor.goes_to(f"/studies/{study.pk}/")
    section = page.locator("#rescores")
    section.get_by_text("Which trials, on which prompts").click()
    section.get_by_label("Trials").fill("4, 5")
    section.get_by_role("button", name="Re-evaluate these trials").click()
    expect(section.get_by_role("alert")).to_contain_text("trials[1]: the study has no trial 5")

    section.get_by_label("Trials").fill("4")
    section.get_by_role("button", name="Re-evaluate these trials").click()
    section.get_by_role("button", name="Cancel").click()

    expect(section.locator("article .status")).to_have_text("Canceled")
    assert Scoring.objects.get().job.payload["trials"] == [4]


def test_a_finished_model_is_compared_with_its_base(
    visitor, owner, make_profile, settings, tmp_path
):
    make_profile()
    settings.MODEL_ROOTS = [tmp_path]
    for name in ("base", "finished"):
        save_tiny("llama", tmp_path / name)
    page = visitor.goes_to("/")
    page.get_by_role("link", name="Evaluate").click()
    page.get_by_label("Finished model").fill("gone")
    page.get_by_label("Base").fill("base")
    page.get_by_role("button", name="Evaluate").click()
    expect(page.get_by_role("alert")).to_contain_text("neither owner/name on the hub")

    page.get_by_label("Finished model").fill("finished")
    page.get_by_role("button", name="Evaluate").click()
    row = page.locator("#evaluations article")
    expect(row.get_by_role("heading")).to_have_text("finished against base")
    finish(Scoring.objects.get())

    cells = row.get_by_role("row", name="Finished").get_by_role("cell")
    expect(cells).to_have_text(["95/10091 – 98 %"])
    expect(row.get_by_role("row", name="Original").get_by_role("cell")).to_have_text(
        ["1/210 – 90 %"]
    )
