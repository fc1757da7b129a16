"""A second method in the browser: its own parameters, and trials without kernel or direction."""

import pytest
from playwright.sync_api import expect

from studies.models import Study

pytestmark = pytest.mark.browser


def test_a_study_with_it_is_put_together_and_looked_at(visit, make_profile, make_trial):
    make_profile("rank", method="arbitrary_rank", model="tiny-owner/tiny-llama")
    visitor = visit()
    page = visitor.goes_to("/studies/new")
    row = page.locator("#parameters tr").filter(has_text="neighbor_count")
    row.get_by_label("What to do with").select_option("range")
    expect(row.get_by_label("whole")).to_be_checked()
    expect(row.get_by_label("whole")).to_be_disabled()
    row.get_by_label("high, ").fill("4")
    expect(row).to_contain_text("1 … 4 (whole)")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.locator("#study-status")).to_have_text("Draft")

    study = Study.objects.get()
    values = {"neighbor_count": 3, "start_layer_fraction": 0.4}
    make_trial(study, 0, parameters=values, details={"layers": "4–6"}, is_pareto=True)
    visitor.goes_to(f"/studies/{study.pk}/#trial=0")
    page.reload()
    chosen = page.locator("dl.facts", has_text="neighbor_count")
    expect(chosen).to_contain_text("4–6")
    expect(page.get_by_role("heading", name="Ablation strength")).to_be_hidden()
    visitor.goes_to(f"/studies/{study.pk}/trials/0/")
    expect(page.locator("main")).to_contain_text("4–6")
    expect(page.get_by_text("Ablation strength")).to_have_count(0)
    assert visitor.complaints == []
