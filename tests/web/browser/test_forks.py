"""Forking, trying first and comparing, in a browser."""

import pytest
from playwright.sync_api import expect

from studies import commands
from studies.models import Study
from tests.studies.test_forks import parameters, score

pytestmark = pytest.mark.browser
AXIS_TITLE = "Chart.getChart(document.querySelector('#fronts canvas')).options.scales.y.title.text"


@pytest.fixture
def original(make_profile, owner, make_trial, transactional_db):
    profile = make_profile(name="Refusals", model="tiny-owner/tiny-llama")
    study = commands.study_create(
        owner, model=profile.model, profile=profile, name="First", start=False
    )
    for number, (weight, value) in enumerate([(0.2, 0.5), (0.9, 0.1)]):
        make_trial(study, number, parameters=parameters(weight), values=[value],
                   scores=[score(value)], is_pareto=number == 1)  # fmt: skip
    Study.objects.filter(pk=study.pk).update(n_finished=2, status="completed")
    return study


def test_a_fork_shows_what_it_would_take_over_before_it_is_started(visit, original):
    visitor = visit()
    page = visitor.goes_to(f"/studies/{original.pk}/")
    page.get_by_role("link", name="Fork", exact=True).click()
    expect(page.locator("#takeover")).to_contain_text("2 of 2 finished trials fit")

    space = page.locator("#parameters tr")
    row = space.filter(has_text="max_weight").filter(has_text="mlp.down_proj").first
    row.get_by_label("What to do with").select_option("range")
    row.get_by_label("low, ").fill("0")
    row.get_by_label("high, ").fill("0.5")
    expect(page.locator("#takeover")).to_contain_text("1 of 2 finished trials fit")
    expect(page.locator("#takeover li")).to_contain_text("is above 0.5")

    page.get_by_role("button", name="Add values by hand").focus()
    page.keyboard.press("Enter")
    weight = page.get_by_label("max weight · attn.o_proj")
    weight.fill("9")
    expect(page.locator("#first .problem")).to_contain_text("is above 1.5 (got 9)")
    expect(weight).to_have_attribute("aria-invalid", "true")
    weight.fill("1.25")
    expect(page.locator("#first .problem")).to_be_hidden()

    # A refused value is the server's 422, which the browser notes.
    assert all("422" in text for text in visitor.complaints)
    page.get_by_role("button", name="Start study").click()
    expect(page.locator("#text-trials")).to_have_text("0 of 40 trials + 1 taken over")
    expect(page.locator("#waiting-list")).to_contain_text("attn.o_proj: 1.25")
    expect(page.locator('#trials tr[data-number="0"]')).to_contain_text("taken over")
    expect(page.locator("#remarks-list")).to_contain_text("1 of 2 finished trials fit")
    fork = Study.objects.get(forked_from=original)
    assert fork.queued_trials.get().parameters == {"max_weight": {"attn.o_proj": 1.25}}

    page.get_by_role("link", name="Compare with the original").click()
    expect(page.locator("#fronts canvas")).to_be_visible()
    expect(page.locator(".differences")).to_contain_text("0 … 0.5")


def test_a_trial_is_tried_in_another_study_and_first_in_a_new_one(visit, original, owner):
    other = commands.study_create(
        owner, model=original.model, profile=original.profile, name="Other", start=False
    )
    visitor = visit()
    watching = visit().goes_to(f"/studies/{other.pk}/")
    expect(watching.locator("body")).to_have_attribute("data-connection", "live")
    page = visitor.goes_to(f"/studies/{original.pk}/trials/1/")

    page.get_by_role("button", name="Try in this study").click()
    expect(page.locator("#elsewhere-answer")).to_contain_text("It waits to be tried in Other")
    expect(watching.locator("#waiting-list")).to_contain_text("mlp.down_proj: 0.9")

    page.get_by_role("link", name="Use as the first trial of a new study").click()
    expect(page.locator("#first li")).to_contain_text("Trial 1 of First")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.locator("#waiting-list li")).to_contain_text("As trial 1 of another study")
    assert visitor.complaints == []


def test_studies_are_ticked_in_the_list_and_compared(visit, original, owner):
    commands.study_fork(owner, original, name="Second", start=False)
    visitor = visit(viewport={"width": 375, "height": 800})
    page = visitor.goes_to("/")
    for name in ("First", "Second"):
        page.get_by_label(f"Compare {name}").check()

    page.get_by_role("button", name="Compare selected").click()

    expect(page.get_by_role("heading", name="Compare studies")).to_be_visible()
    expect(page.locator("#fronts canvas")).to_be_visible()
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate(AXIS_TITLE) == "Keywords"
    for name in ("First", "Second"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert visitor.complaints == []
