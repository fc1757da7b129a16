"""The way of a first-time user, with a crash in the middle of it."""

import re

import pytest
from playwright.sync_api import expect

from tests.system.conftest import kill_tree

N_TRIALS = 10
END = 180_000  # milliseconds
pytestmark = [pytest.mark.timeout(300), pytest.mark.browser]


def start_demo(page):
    """Log in has happened; fill in the form and start, as a person would."""
    page.get_by_role("link", name="New study").first.click()
    page.locator("#profile").select_option(label="Demo (runs here, no download)")
    page.locator('[name="n_trials"]').fill(str(N_TRIALS))
    expect(page.locator("#parameters")).to_contain_text("max_weight")
    page.get_by_role("button", name="Start study").click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]{36}/"))


def rows(page):
    return page.locator("#trials tbody tr[data-number]")


def test_a_study_is_followed_in_the_browser_through_the_loss_of_its_worker(running, page):
    start_demo(page)
    expect(page.locator("#study-status")).to_have_text("Running", timeout=30_000)
    expect(rows(page)).not_to_have_count(0, timeout=60_000)
    page.evaluate("window.notReloaded = true")

    kill_tree(running.processes[-1])
    running.start_worker()

    expect(page.locator("#study-status")).to_have_text("Completed", timeout=END)
    expect(page.locator("#text-trials")).to_have_text(f"{N_TRIALS} of {N_TRIALS} trials")
    expect(rows(page)).to_have_count(N_TRIALS)
    assert page.evaluate("window.notReloaded")
    numbers = sorted(int(row.get_attribute("data-number")) for row in rows(page).all())
    assert numbers == list(range(N_TRIALS))

    page.reload()
    expect(rows(page)).to_have_count(N_TRIALS)


def test_the_answers_of_a_trial_stand_beside_the_originals(running, page):
    start_demo(page)
    expect(rows(page)).not_to_have_count(0, timeout=90_000)

    rows(page).first.click()

    answers = page.locator("#responses")
    expect(answers).to_contain_text("sorry", timeout=30_000)
    expect(answers.locator("mark").first).to_be_visible()
    expect(page.locator("#trial canvas")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#study-status")).to_have_text("Stopped", timeout=30_000)
