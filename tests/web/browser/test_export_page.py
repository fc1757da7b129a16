"""The page of an export, the notifications' page, and the button of a study, in a browser."""

import pytest
from playwright.sync_api import expect

from studies.exporting import export_folder
from studies.lifecycle import study_transition
from studies.models import Job, NoticeDelivery, NoticeTarget, Study, Upload

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def visitor(visit):
    visitor = visit()
    yield visitor
    assert visitor.complaints == []


def test_a_card_is_previewed_saved_and_uploaded(visitor, study, make_trial, make_export):
    card = b"---\nlicense: mit\n---\n# Before\n"
    export = make_export(make_trial(study), files={"README.md": card})
    page = visitor.goes_to(f"/studies/{study.pk}/trials/0/")
    page.get_by_role("link", name="Card and upload").click()
    expect(page.get_by_role("heading", name="Before")).to_be_visible()

    page.get_by_label("Markdown of the card").fill("# After\n\n<b>raw</b>")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="After")).to_be_visible()
    expect(page.locator(".prose")).to_contain_text("<b>raw</b>")
    page.get_by_role("button", name="Save the card").click()
    expect(page.get_by_text("it is not saved yet")).to_have_count(0)
    assert (export_folder(export.pk).final / "README.md").read_text() == "# After\n\n<b>raw</b>"

    page.get_by_label("Repository").fill("someone/model")
    page.get_by_label("Token").fill("hf_secret")
    page.get_by_role("button", name="Upload").click()
    row = page.locator("#uploads article")
    expect(row).to_contain_text("someone/model")
    expect(row).to_contain_text("Queued")
    expect(page.get_by_label("Token")).to_have_value("")
    upload = Upload.objects.get()
    assert (upload.is_private, upload.has_own_token) == (True, True)

    done = {"url": "https://huggingface.co/someone/model"}
    Job.objects.filter(pk=upload.job_id).update(status="done", result=done)
    expect(row.get_by_role("link", name="Open on the hub")).to_have_attribute("href", done["url"])


def test_a_webhook_is_added_tested_switched_and_removed(visitor):
    page = visitor.goes_to("/account/notifications/")
    page.get_by_label("Address of a webhook").fill("https://example.org/hook")
    page.get_by_role("button", name="Add the webhook").click()
    expect(page.locator("#targets code")).to_contain_text("whsec_")

    with page.expect_response("**/notifications/*") as changed:
        page.get_by_label("New best").check()
    assert changed.value.ok
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#deliveries")).to_contain_text("waiting")
    assert NoticeTarget.objects.get().on_new_best
    NoticeDelivery.objects.update(status="sent", result="It answered 204.")
    expect(page.locator("#deliveries")).to_contain_text("It answered 204.")

    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#targets")).to_contain_text("Nobody is told yet")
    assert not NoticeTarget.objects.exists()


RECORD = """
window.told = [];
let permission = "default";
window.Notification = class {
  static get permission() { return permission; }
  static async requestPermission() { permission = "granted"; return permission; }
  constructor(title) { window.told.push(title); }
};
"""


def test_a_browser_that_was_asked_tells_of_a_new_best_and_of_the_end(visitor, study, finish):
    finish(study, 0, 0.5, front=[0])
    visitor.page.add_init_script(RECORD)
    page = visitor.goes_to(f"/studies/{study.pk}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "live")
    page.get_by_role("button", name="Notify me here").click()
    expect(page.get_by_role("button", name="Notify me here")).to_be_hidden()

    finish(study, 1, 0.9, front=[0])
    finish(study, 2, 0.2, front=[2])
    study_transition(study.pk, to=Study.Status.COMPLETED)

    while page.evaluate("window.told.length") < 2:  # the policy allows no waiting by eval
        page.wait_for_timeout(50)
    assert page.evaluate("window.told") == ["New best: Watched", "Finished: Watched"]
