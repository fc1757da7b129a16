"""The site in a browser: logging in, the theme, and errors at their place."""

import re

import pytest
from playwright.sync_api import expect

from studies.models import Study
from tests.web.browser.conftest import PASSWORD

pytestmark = pytest.mark.browser


def test_one_logs_in_and_out(visit, owner):
    visitor = visit(user=None)
    page = visitor.goes_to("/queue/")
    page.get_by_label("Username").fill("owner")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_theme_is_kept(visit):
    page = visit(color_scheme="dark").goes_to("/")
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "auto")

    page.locator("[data-theme-toggle]").click()
    expect(html).to_have_attribute("data-theme", "light")
    page.reload()
    expect(html).to_have_attribute("data-theme", "light")


def test_the_queue_moves_by_itself(visit, make_study, make_job, owner):
    page = visit().goes_to("/queue/")
    expect(page.locator("main")).to_contain_text("Nothing runs and nothing waits")

    make_job(make_study(owner=owner, name="Just came", status="queued"))

    expect(page.get_by_role("link", name="Just came")).to_be_visible()


class TestNewStudy:
    @pytest.fixture
    def form(self, visit, make_profile):
        make_profile("refusals", model="tiny-owner/tiny-llama", description="Removes refusals.")
        self.visitor = visit()
        form = self.visitor.goes_to("/studies/new")
        expect(form.locator("#parameters tr").first).to_be_visible()
        return form

    def row(self, form, name, component):
        return (
            form.locator("#parameters tr").filter(has_text=name).filter(has_text=component).first
        )

    def test_a_value_is_changed_for_this_study_and_frozen_in_it(self, form):
        row = self.row(form, "max_weight", "mlp.down_proj")
        row.get_by_label("What to do with").select_option("range")
        row.get_by_label("low, ").fill("0.1")
        row.get_by_label("high, ").fill("0.5")
        expect(row).to_contain_text("0.1 … 0.5")
        expect(row).to_contain_text("this study")
        form.get_by_label(re.compile("^n trials")).fill("12")

        form.get_by_role("button", name="Start study").click()
        expect(form.locator("#study-status")).to_have_text("Queued")
        study = Study.objects.get()
        assert study.n_trials == 12
        rows = {(p["name"], p["component"]): p for p in study.snapshot["parameters"]}
        changed = rows["max_weight", "mlp.down_proj"]
        assert (changed["value"], changed["source"]) == ({"low": 0.1, "high": 0.5}, "this study")
        assert self.visitor.complaints == []

    def test_layers_that_stay_untouched_are_typed_as_numbers_and_ranges(self, form):
        form.locator("#more > summary").click()
        field = form.locator("label", has=form.locator('[name="untouched_layers"]'))
        box = form.locator('[name="untouched_layers"]')
        box.fill("0, 3\u20135, 5-2")
        expect(field.locator(".problem")).to_contain_text("[2].high must not be below low")
        box.fill("0, first")
        expect(field.locator(".problem")).to_contain_text("not text")
        box.fill("0, 3 to 5")
        expect(field.locator(".problem")).to_be_hidden()
        expect(field).to_contain_text("this study")

        form.get_by_role("button", name="Save as draft").click()
        expect(form.locator("#study-status")).to_have_text("Draft")
        settings = {row["name"]: row["value"] for row in Study.objects.get().snapshot["settings"]}
        assert settings["untouched_layers"] == [0, {"low": 3, "high": 5}]

    def test_a_range_may_be_of_whole_numbers(self, form):
        row = self.row(form, "max_weight", "mlp.down_proj")
        row.get_by_label("What to do with").select_option("range")
        row.get_by_label("low, ").fill("1")
        row.get_by_label("high, ").fill("8")
        row.get_by_label("whole").check()
        expect(row).to_contain_text("1 … 8 (whole)")

    def test_errors_stand_at_their_fields(self, form):
        row = self.row(form, "max_weight", "attn.o_proj")
        row.get_by_label("What to do with").select_option("range")
        row.get_by_label("low, ").fill("nan")
        expect(row.locator(".problem")).to_contain_text("low must be")
        expect(row.get_by_label("low, ")).to_have_attribute("aria-invalid", "true")
        row.get_by_label("What to do with").select_option("keep")
        expect(row.locator(".problem")).to_be_hidden()

        seed = form.locator("label", has=form.locator('[name="seed"]'))
        form.locator('[name="seed"]').fill("-1")
        expect(seed.locator(".problem")).to_contain_text("must")
        form.locator('[name="seed"]').fill("")
        expect(seed.locator(".problem")).to_be_hidden()

        form.locator("#model").fill("../../etc")
        form.get_by_role("button", name="Start study").click()
        expect(form.locator('[data-problem="model"]')).to_be_visible()
        assert not Study.objects.exists()

    def test_a_refused_start_is_still_explained_when_an_older_question_is_answered(self, form):
        problem, held = form.locator('[data-problem="model"]'), []
        form.route("**/resolve", lambda route: held.append(route))
        form.locator("#model").fill("../../etc")
        form.get_by_role("button", name="Start study").click()
        expect(problem).to_be_visible()
        while not held:
            form.wait_for_timeout(50)

        with form.expect_response("**/resolve"):
            held[-1].continue_()
        form.wait_for_timeout(300)

        expect(problem).to_be_visible()

    def test_a_draft_waits_to_be_started(self, form):
        form.get_by_role("button", name="Save as draft").click()
        expect(form.locator("#study-status")).to_have_text("Draft")
        form.get_by_role("button", name="Start", exact=True).click()
        expect(form.locator("#study-status")).to_have_text("Queued")

    def test_a_double_click_makes_one_study(self, form):
        form.get_by_role("button", name="Start study").dblclick()
        expect(form.locator("#study-status")).to_have_text("Queued")
        assert Study.objects.count() == 1
