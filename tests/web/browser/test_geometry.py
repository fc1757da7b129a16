"""The page of residual geometry and the study's chart, in a browser; rows are written by hand."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from studies.models import Geometry, Job

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> & <b>bold</b>"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def visitor(visit):
    visitor = visit()
    yield visitor
    assert visitor.complaints == []


def test_a_measurement_is_asked_for_followed_canceled_and_shown(visitor, study, make_geometry):
    page = visitor.goes_to(f"/studies/{study.pk}/")
    page.get_by_role("link", name="Geometry", exact=True).click()
    expect(page.locator("#geometry-job")).to_contain_text("Nothing is measured yet")

    page.get_by_role("button", name="Measure the geometry").click()
    expect(page.locator("#geometry-job")).to_contain_text("Waits for a worker")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#geometry-job")).to_contain_text("was canceled")

    page.get_by_role("button", name="Measure the geometry").click()
    expect(page.locator("#geometry-job")).to_contain_text("Waits for a worker")
    Geometry.objects.all().delete()
    make_geometry(study)
    Job.objects.filter(status="queued").update(status="done", finished_at=timezone.now())
    expect(page.get_by_role("button", name="Measure again")).to_be_visible()
    expect(page.locator("#geometry-samples")).to_have_text("Measured on 2 good and 2 bad prompts.")


@pytest.mark.parametrize("width", [375, 1280])
def test_everything_is_drawn_under_the_sites_policy(visit, study, make_geometry, width):
    make_geometry(study)
    visitor = visit(viewport={"width": width, "height": 900})
    page = visitor.goes_to(f"/studies/{study.pk}/geometry/")

    for kind in ("separation", "silhouette", "cosines", "norms"):
        expect(page.locator(f'[data-plot="{kind}"] .main-svg').first).to_be_visible()
    expect(page.locator("#projection .scatterlayer .point")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visitor.complaints == []


def test_the_table_is_sorted_by_any_column(visitor, study, make_geometry):
    make_geometry(study)
    page = visitor.goes_to(f"/studies/{study.pk}/geometry/")
    rows = page.locator("#geometry-table tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("0 (embedding)")

    page.get_by_role("button", name="AUC").click()
    expect(rows.locator("th")).to_have_text(["3", "2", "1", "0 (embedding)"])
    page.get_by_role("button", name="AUC").click()
    expect(rows.locator("th")).to_have_text(["1", "2", "3", "0 (embedding)"])  # without a value
    expect(page.get_by_role("columnheader", name="AUC")).to_have_attribute(
        "aria-sort", "ascending"
    )


def test_the_slider_and_the_animation_go_through_the_layers(visitor, study, make_geometry):
    make_geometry(study)
    page = visitor.goes_to(f"/studies/{study.pk}/geometry/")
    slider = page.get_by_role("slider", name="Layer index")
    expect(slider).to_have_attribute("aria-valuetext", "3 of 3")

    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "2 of 3")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "embedding")

    page.get_by_role("button", name="Play").click()
    expect(slider).to_have_attribute("aria-valuetext", "3 of 3")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    with page.expect_download() as waited:
        page.get_by_role("link", name="Animation as GIF").click()
    assert waited.value.path().read_bytes() == b"GIF89a of layers"


def test_a_prompt_is_read_under_the_pointer_as_plain_text(visitor, study, make_geometry):
    make_geometry(study, texts=("first", HOSTILE))
    page = visitor.goes_to(f"/studies/{study.pk}/geometry/")
    points = page.locator("#projection .scatterlayer .point")
    expect(points).to_have_count(4)

    points.nth(3).scroll_into_view_if_needed()
    box = points.nth(3).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    said = page.locator(".projection-prompt")
    expect(said).to_have_text(HOSTILE)
    expect(said).to_have_attribute("data-group", "bad")
    tooltip = page.locator("#projection .hoverlayer")
    expect(tooltip).to_contain_text("<img src=x onerror=alert(1)> & <b>bold</b>")


def test_the_study_page_has_the_chart_or_the_button(visitor, study, make_geometry):
    page = visitor.goes_to(f"/studies/{study.pk}/")
    expect(page.locator("#separability-job")).to_contain_text("Not measured yet")
    expect(page.get_by_role("button", name="Measure the geometry")).to_be_visible()
    expect(page.locator("#separability")).to_be_hidden()

    make_geometry(study)
    page.reload()

    expect(page.locator("#separability canvas")).to_be_visible()
    expect(page.locator("#separability")).to_contain_text("d′ 0.44 at index 3")
    page.get_by_role("link", name="All of the residual geometry").click()
    expect(page.get_by_role("heading", name="Residual geometry")).to_be_visible()
