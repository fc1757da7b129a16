"""Results in a browser: answers are judged, trials filtered, figures drawn, notes shared."""

import re

import pytest
from playwright.sync_api import expect

from studies.events import TrialPruned, event_record
from studies.models import AnswerLabel, Study
from studies.selectors import trial_out
from tests.conftest import make_responses

pytestmark = pytest.mark.browser
FIRST_FIGURE = 60_000  # milliseconds: the server loads what draws it
FIGURES = ("importances", "history", "parallel", "slice", "timeline")


@pytest.fixture
def done(make_study, finish, owner):
    """A completed study of six trials; the last is on the front."""
    study = make_study(owner=owner, status="completed", name="Done")
    for number in range(6):
        finish(study, number, 0.9 - number / 10, front=[number])
    make_responses(study)
    return study


def address(study, end=""):
    return f"/studies/{study.pk}/{end}"


def test_answers_are_read_and_judged_with_the_keyboard(visit, done, owner):
    visitor = visit()
    page = visitor.goes_to(address(done, "trials/5/"))
    pairs = page.locator(".pair")
    expect(pairs).to_have_count(2)

    page.keyboard.press("j")
    expect(pairs.first).to_be_focused()
    page.keyboard.press("2")
    expect(pairs.first.locator('[data-act="down"]')).to_have_attribute("aria-pressed", "true")
    expect(pairs.first).to_be_focused()
    page.keyboard.press("j")
    expect(pairs.nth(1)).to_be_focused()
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Labelled by you 2")).to_be_visible()

    page.get_by_text("Agreement of labels").click()
    expect(page.locator(".agreement tbody")).to_contain_text("2 of 2 (100 %)")
    assert dict(AnswerLabel.objects.values_list("index", "is_good")) == {0: False, 1: True}
    page.reload()
    expect(pairs.first.locator('[data-act="down"]')).to_have_attribute("aria-pressed", "true")
    pairs.first.locator('[data-act="down"]').click()
    expect(page.get_by_role("button", name="Labelled by you 1")).to_be_visible()
    assert visitor.complaints == []


def test_keys_in_a_text_field_are_only_text(visit, done):
    page = visit().goes_to(address(done, "trials/5/"))
    expect(page.locator(".pair")).to_have_count(2)
    page.get_by_role("button", name="Add a note or tags").click()
    page.get_by_label("Note", exact=True).fill("")
    page.get_by_label("Note", exact=True).press_sequentially("j12")

    expect(page.get_by_label("Note", exact=True)).to_have_value("j12")
    expect(page.get_by_label("Note", exact=True)).to_be_focused()


def test_answers_are_filtered(visit, done):
    page = visit().goes_to(address(done, "trials/5/"))
    page.get_by_role("button", name="Marker matched 1").click()

    expect(page.locator(".pair")).to_have_count(1)
    expect(page.locator(".pair mark").first).to_have_text("I cannot")
    page.get_by_role("button", name="Empty 0").click()
    expect(page.locator("#responses")).to_contain_text("No answer fits this filter.")


def test_trials_are_filtered_by_range_text_and_state(visit, done):
    page = visit().goes_to(address(done))
    rows = page.locator("#trials tbody tr")
    expect(rows).to_have_count(6)

    page.get_by_text("Ranges").click()
    page.get_by_label("Keywords, to").fill("0.65")
    expect(rows).to_have_count(3)
    page.get_by_label("Keywords, from").fill("0.55")
    expect(rows).to_have_count(1)
    expect(page.locator("#trials")).to_contain_text("1 of 6 trials")
    page.get_by_label("Keywords, from").fill("x")
    expect(page.get_by_label("Keywords, from")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(6)

    page.get_by_label("Text in trials").fill("trial 4")
    expect(rows).to_have_count(1)
    page.get_by_label("Text in trials").fill("")
    page.get_by_label("State of trials").select_option("failed")
    expect(page.locator("#trials")).to_contain_text("No trial fits the filters.")


def test_the_recommended_trial_is_marked_and_opens(visit, done):
    visitor = visit()
    page = visitor.goes_to(address(done))

    expect(page.locator("#recommended-text")).to_contain_text("Trial 5")
    expect(page.locator('#trials tr[data-number="5"]')).to_contain_text("recommended")
    expect(page.locator("#trial h3")).to_have_text("Trial 5")  # a finished study opens with it
    expect(page.locator("#trial canvas")).to_be_visible()
    assert visitor.complaints == []


def test_notes_and_tags_reach_other_open_pages(visit, done):
    first, second = visit().goes_to(address(done)), visit().goes_to(address(done))
    for page in (first, second):
        expect(page.locator("body")).to_have_attribute("data-connection", "live")
    box = first.locator("#study-annotation")
    box.get_by_role("button", name="Add a note or tags").click()
    box.get_by_label("Name").fill("Renamed")
    box.get_by_label("Tags").fill("keep, to export")
    box.get_by_label("Notes").fill("<b>Good</b>")
    box.get_by_role("button", name="Save").click()

    expect(second.locator("#study-name")).to_have_text("Renamed")
    expect(second.locator("#study-annotation")).to_contain_text("<b>Good</b>")
    expect(second.locator("#study-annotation .tag")).to_have_text(["keep", "to export"])
    assert Study.objects.get().notes == "<b>Good</b>"


def test_what_cannot_be_taken_is_said_beside_the_form(visit, done):
    page = visit().goes_to(address(done))
    box = page.locator("#study-annotation")
    box.get_by_role("button", name="Add a note or tags").click()
    box.get_by_label("Name").fill("")
    box.get_by_role("button", name="Save").click()

    expect(box.get_by_role("alert")).to_contain_text("name: must not be empty")
    box.get_by_role("button", name="Cancel").click()
    expect(page.locator("#study-name")).to_have_text("Done")


@pytest.mark.parametrize("width", [375, 1280])
def test_every_figure_is_drawn_under_the_sites_policy(visit, done, width):
    visitor = visit(viewport={"width": width, "height": 900})
    page = visitor.goes_to(address(done, "analysis/"))
    for kind in FIGURES:
        card = page.locator(f'[data-figure="{kind}"]')
        card.scroll_into_view_if_needed()
        expect(card.locator(".main-svg").first).to_be_visible(timeout=FIRST_FIGURE)
        expect(card.locator("[data-problem]")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visitor.complaints == []


def test_figures_follow_a_running_study(visit, study, finish):
    page = visit().goes_to(address(study, "analysis/"))
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    history = page.locator('[data-figure="history"]')
    expect(history.locator("[data-empty]")).to_be_visible()

    finish(study, 0)

    expect(page.locator("#n-ended")).to_have_text("1")
    expect(history.locator(".main-svg").first).to_be_visible()


def test_a_trial_that_is_pruned_appears_with_what_it_has_got_and_without_a_point(
    visit, study, finish, make_trial
):
    finish(study, 0, 0.8, front=[0])
    visitor = visit()
    page = visitor.goes_to(f"/studies/{study.pk}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    why = {"stage": 2, "stages": 3, "reason": "Trial 0 beats it."}
    score = {"name": "Keywords", "value": 0.9, "display": "90/100", "direction": "minimize",
             "baseline": 1.0, "low": None, "high": None}  # fmt: skip
    trial = make_trial(study, 1, state="pruned", scores=[score], values=[], pruned=why)
    event_record(study.pk, TrialPruned(trial=trial_out(trial), reason=why["reason"],
                                       n_finished=2, n_pruned=1))  # fmt: skip

    row = page.locator('#trials tr[data-number="1"]')
    expect(row).to_contain_text("pruned")
    expect(row).to_contain_text("90/100")
    expect(page.locator("#text-trials")).to_have_text("2 of 40 trials")
    expect(page.locator("#tile-pruned")).to_have_text("1")
    expect(page.locator("#pareto canvas")).to_have_attribute(
        "aria-label", re.compile(": 1 trials")
    )
    page.get_by_label("State of trials").select_option("pruned")
    expect(page.locator("#trials tbody tr")).to_have_count(1)
    row.click()
    expect(page.locator("#trial")).to_contain_text("Pruned behind stage 2 of 3: Trial 0 beats it.")
    assert visitor.complaints == []
