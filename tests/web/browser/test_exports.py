"""The exports of a trial in a browser: asked for, followed, downloaded, removed."""

import json

import pytest
from playwright.sync_api import expect

from studies.models import Export, Job, Study
from tests.conftest import write_export
from tests.engine.test_bundles import REFERENCE

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def no_worker(monkeypatch, settings, tmp_path):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    settings.EXPORT_DIR = tmp_path / "exports"
    settings.GGUF_CONVERTER = "no-such-converter"


@pytest.fixture
def opened(visit, study, make_trial):
    make_trial(study, 0)
    visitor = visit()
    page = visitor.goes_to(f"/studies/{study.pk}/trials/0/")
    yield page
    # A browser's own words for an answer that the page shows to its reader.
    refused = [one for one in visitor.complaints if "422" not in one]
    assert refused == []


def test_an_export_is_started_followed_and_downloaded(opened, study):
    opened.get_by_label("What").select_option("adapter")
    opened.get_by_label("Rank").fill("4")
    opened.get_by_role("button", name="Export").click()
    row = opened.locator("article.export")
    expect(row).to_contain_text("LoRA adapter")
    expect(row).to_contain_text("Queued")
    export = Export.objects.get()
    assert export.options["rank"] == 4

    progress = {"label": "Writing the weights", "done": 3, "total": 4, "eta_seconds": 61}
    Job.objects.filter(pk=export.job_id).update(status="running", progress=progress)
    expect(row).to_contain_text("Writing the weights · 1 min 1 s left")

    write_export(export, {"adapter_model.safetensors": b"weights"})
    export.manifest["adapter"] = {"rank": 4, "is_exact": False, "error": 0.031}
    export.save()
    Job.objects.filter(pk=export.job_id).update(status="done", progress={})
    expect(row).to_contain_text("leaves out 3.1 % of the change")
    row.get_by_text("1 files").click()
    with opened.expect_download() as download:
        row.get_by_role("link", name="adapter_model.safetensors").click()
    assert download.value.path().read_bytes() == b"weights"


def test_what_cannot_be_had_here_is_shown_with_the_reason(opened):
    expect(opened.locator("#exports")).to_contain_text("GGUF file is not available here")
    expect(opened.locator("option[value=gguf]")).to_be_disabled()


def test_a_refused_option_is_said_and_nothing_is_queued(opened):
    opened.get_by_label("What").select_option("adapter")
    rank = opened.get_by_label("Rank")
    rank.evaluate("(input) => { input.form.noValidate = true; }")
    rank.fill("1000")
    opened.get_by_role("button", name="Export").click()

    expect(opened.locator("#exports [role=alert]")).to_contain_text("rank: must be at most 256")
    assert not Export.objects.exists()


def test_a_queued_export_is_canceled_and_removed(opened):
    opened.get_by_role("button", name="Export").click()
    row = opened.locator("article.export")
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_contain_text("Canceled")

    row.get_by_role("button", name="Delete").click()
    expect(opened.locator("#exports")).to_contain_text("Nothing is exported yet")
    assert not Export.objects.exists()


def test_a_job_is_canceled_from_the_queue(visit, study, make_job):
    job = make_job(study, kind="export", payload={"trial": 0})
    visitor = visit()
    page = visitor.goes_to("/queue/")
    expect(page.locator("#refreshed")).to_contain_text("Export · trial 0")

    page.locator(f"#cancel-{job.pk}").click()

    expect(page.locator("#refreshed")).to_contain_text("Canceled")
    assert visitor.complaints == []


def test_a_file_is_shown_before_it_is_built(visit, make_profile, tmp_path):
    make_profile()
    file = tmp_path / "reproduce.json"
    file.write_text("{")
    visitor = visit()
    page = visitor.goes_to("/studies/reproduce")
    page.locator("#bundle").set_input_files(file)
    page.get_by_role("button", name="Show what would be built").click()
    expect(page.get_by_role("alert")).to_contain_text("is not valid JSON")
    expect(page.get_by_role("button", name="Build it")).to_be_hidden()

    file.write_text(json.dumps(REFERENCE))
    page.locator("#bundle").set_input_files(file)
    page.get_by_label("Layers").fill("32")
    page.get_by_role("button", name="Show what would be built").click()
    expect(page.locator("#plan")).to_contain_text("adapter of low rank")
    expect(page.locator("#plan")).to_contain_text("torch: 2.9.0, now")
    assert not Study.objects.exists()

    page.get_by_role("button", name="Build it").click()
    expect(page.get_by_role("heading", name="Reproduction of tiny/llama")).to_be_visible()
    assert visitor.complaints == []


def test_who_may_only_look_downloads_and_no_more(visit, study, make_trial, make_export, owner):
    owner.user_permissions.clear()
    make_export(make_trial(study, 0))

    page = visit().goes_to(f"/studies/{study.pk}/trials/0/")

    row = page.locator("article.export")
    expect(row).to_contain_text("Ready")
    expect(page.locator("#exports button")).to_have_count(0)
    expect(page.locator("#exports form")).to_have_count(0)
