"""The live page: it follows the study, and every way to look at it shows the same."""

import re

import pytest
from playwright.sync_api import expect

from studies.events import Extended, Noted, event_record
from studies.lifecycle import study_transition
from studies.models import ResponseSet, Study
from studies.selectors import trials

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"

FRONT_POINT = """() => new Promise((resolve) => {
    const chart = Chart.getChart(document.querySelector("#pareto canvas"));
    const set = chart.data.datasets.findIndex((d) => d.label === "Front");
    let before = null;
    const look = () => {
        const { x, y } = chart.getDatasetMeta(set).data[0];
        if (before === `${x} ${y}`) resolve({ x, y });
        else { before = `${x} ${y}`; setTimeout(look, 300); }
    };
    look();
})"""


def address(study):
    return f"/studies/{study.pk}/"


def row(page, number):
    return page.locator(f'#trials tr[data-number="{number}"]')


def wait_live(page):
    expect(page.locator("body")).to_have_attribute("data-connection", "live")


def test_numbers_move_without_a_reload(visit, study, finish):
    finish(study, 0, 0.8, front=[0])
    visitor = visit()
    page = visitor.goes_to(address(study))
    expect(page.locator("#text-trials")).to_have_text("1 of 40 trials")
    wait_live(page)

    finish(study, 1, 0.03, front=[1])

    expect(page.locator("#text-trials")).to_have_text("2 of 40 trials")
    expect(page.locator("#tile-best")).to_contain_text("3/100")
    expect(row(page, 1)).to_contain_text("front")
    expect(row(page, 0)).not_to_contain_text("front")
    assert visitor.complaints == []


def test_progress_and_status_move(visit, study):
    visitor = visit()
    page = visitor.goes_to(address(study))
    wait_live(page)

    moved = {
        "label": "Reading prompts",
        "done": 3,
        "total": 8,
        "trial": 4,
        "eta_seconds": 90,
        "memory": {"ram_bytes": 650 * 2**20},
        "tokens_per_second": 1200.4,
    }
    Study.objects.filter(pk=study.pk).update(progress=moved, progress_count=1)
    expect(page.locator("#text-phase")).to_have_text("Reading prompts · 3 of 8")
    expect(page.locator("#tile-eta")).to_have_text("1 min 30 s")
    expect(page.locator("#tile-memory")).to_have_text("650 MiB")
    expect(page.locator("#tile-speed")).to_have_text("1200 tok/s")

    advice = "Use a smaller model."
    reason = "Out of memory with a batch of one."
    study_transition(study.pk, to=Study.Status.FAILED, reason=reason, error_advice=advice)
    expect(page.locator("#study-status")).to_have_text("Failed")
    expect(page.locator("#error-message")).to_have_text(reason)
    expect(page.locator("#error-advice")).to_have_text(advice)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert visitor.complaints == []


def test_a_reload_and_a_second_browser_show_the_same(visit, study, finish):
    first = visit().goes_to(address(study))
    wait_live(first)
    for number in range(5):
        finish(study, number, 0.9 - number / 10, front=[number])
    event_record(study.pk, Noted(text="A note."))
    expect(row(first, 4)).to_be_visible()
    expect(first.locator("#remarks-list")).to_have_text("A note.")
    seen = shown(first)

    second = visit().goes_to(address(study))
    wait_live(second)
    assert shown(second) == seen
    first.reload()
    wait_live(first)
    assert shown(first) == seen


def shown(page):
    ids = ("text-trials", "tile-best", "trials", "study-status", "study-remarks")
    return {name: page.locator(f"#{name}").inner_text() for name in ids}


def test_a_server_restart_loses_and_doubles_nothing(visit, server, study, finish):
    finish(study, 0, front=[0])
    page = visit().goes_to(address(study))
    wait_live(page)

    server.stop()
    expect(page.locator("#connection")).to_be_visible()
    expect(page.locator("#connection")).to_contain_text("interrupted")
    for number in (1, 2, 3):
        finish(study, number, front=[0])
    server.start()

    expect(page.locator("#text-trials")).to_have_text("4 of 40 trials")
    expect(page.locator("#connection")).to_be_hidden()
    assert page.locator("#trials tbody tr").count() == 4


def test_a_browser_that_was_offline_catches_up(visit, study, finish):
    visitor = visit(alone=True)
    page = visitor.goes_to(address(study))
    wait_live(page)

    visitor.context.set_offline(True)
    page.evaluate("() => dispatchEvent(new Event('offline'))")
    finish(study, 0, front=[0])
    visitor.context.set_offline(False)

    expect(row(page, 0)).to_be_visible()
    wait_live(page)


def test_events_of_a_newer_server_are_no_problem(visit, study, finish):
    visitor = visit()
    page = visitor.goes_to(address(study))
    wait_live(page)

    class FromTheFuture(Noted):
        kind = "something_new"

    event_record(study.pk, FromTheFuture(text="?"))
    event_record(study.pk, Extended(n_trials=60))

    expect(page.locator("#text-trials")).to_have_text("0 of 60 trials")
    assert visitor.complaints == []


def test_a_trial_is_chosen_with_the_keyboard_and_stays_after_a_reload(visit, study, finish):
    for number in range(3):
        finish(study, number, front=[2])
    page = visit().goes_to(address(study))
    row(page, 2).focus()  # the newest comes first
    page.keyboard.press("ArrowDown")
    expect(row(page, 1)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#trial h3")).to_have_text("Trial 1")
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    page.reload()
    expect(page.locator("#trial h3")).to_have_text("Trial 1")


def test_a_new_trial_does_not_take_the_focus_away(visit, study, finish):
    for number in range(3):
        finish(study, number)
    page = visit().goes_to(address(study))
    wait_live(page)
    row(page, 1).focus()

    finish(study, 3)

    expect(row(page, 3)).to_be_visible()
    expect(row(page, 1)).to_be_focused()


def test_a_click_in_the_chart_chooses_a_trial(visit, study, finish):
    finish(study, 7, 0.4, front=[7])
    page = visit().goes_to(address(study))
    wait_live(page)
    page.evaluate("document.fonts.ready")  # they move the chart

    page.locator("#pareto canvas").click(position=page.evaluate(FRONT_POINT))

    expect(page.locator("#trial h3")).to_have_text("Trial 7")


def test_columns_sort_and_the_front_filters(visit, study, finish):
    for number, value in enumerate([0.5, 0.1, 0.9]):
        finish(study, number, value, front=[1])
    page = visit().goes_to(address(study))
    rows = page.locator("#trials tbody tr")

    page.get_by_role("button", name="Keywords").click()
    expect(rows.first).to_contain_text("10/100")
    header = page.locator('th[data-column="Keywords"]')
    expect(header).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Keywords").click()
    expect(rows.first).to_contain_text("90/100")
    page.get_by_label("only the front").check()
    expect(rows).to_have_count(1)


def test_answers_stand_beside_the_originals_with_their_markers(
    visit, make_study, finish, make_trial, owner
):
    study = make_study(owner=owner, status="completed", name="Done")
    finish(study, 0, front=[0])
    sets = ResponseSet.objects.filter(study=study)
    original = sets.get()
    trial = original.trial
    original.pk, original.trial = None, None
    original.save()
    sets.filter(trial=trial).update(
        items=[
            {"response": f"I\u2019m\n\u00a0*Sorry*: {HOSTILE}", "matched": ["i'm sorry"]},
            {"response": "Of course.", "matched": []},
        ]
    )
    visitor = visit()
    page = visitor.goes_to(address(study))  # a finished study opens with its best trial

    pair = page.locator(".pair").first
    expect(pair.locator(".prompt")).to_have_text("first of bad")
    before, after = pair.locator(".answer").all()
    expect(before.locator("mark")).to_have_text("I cannot")
    expect(after.locator("mark")).to_have_text("I\u2019m *Sorry")
    expect(after).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Changed answer 1").click()
    expect(page.locator(".pair")).to_have_count(1)
    assert visitor.complaints == []


def test_the_buttons_act_and_refusals_are_said_in_words(visit, study):
    page = visit().goes_to(address(study))
    page.get_by_label("How many trials more").fill("many")
    page.get_by_role("button", name="Add trials").click()
    expect(page.locator("#control-problem")).to_contain_text("n_trials")

    page.get_by_label("How many trials more").fill("5")
    page.get_by_role("button", name="Add trials").click()
    expect(page.locator("#text-trials")).to_have_text("0 of 45 trials")
    expect(page.locator("#control-problem")).to_be_hidden()

    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#study-status")).to_have_text("Stopping")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    study.refresh_from_db()
    assert (study.status, study.n_trials) == ("stopping", 45)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("draft", "Not started yet"),
        ("queued", "in the queue"),
        ("stopping", "finished trials are kept"),
        ("stopped", "resume goes on from here"),
        ("completed", "Pick one from the front"),
        ("failed", "ended with an error"),
    ],
)
def test_every_state_says_what_it_means(visit, make_study, make_job, owner, status, says):
    study = make_study(owner=owner, status=status, error="Broken." if status == "failed" else "")
    if status == "queued":
        make_job(study)
    visitor = visit()
    page = visitor.goes_to(address(study))

    expect(page.locator("#status-line")).to_contain_text(re.compile(says, re.IGNORECASE))
    assert visitor.complaints == []


def test_a_logout_elsewhere_is_said(visit, study, monkeypatch, client):
    monkeypatch.setattr("studies.consumers.news.ACCESS_CHECK_SECONDS", 0.2)
    page = visit().goes_to(address(study))
    client.logout()

    expect(page.locator("#connection")).to_contain_text("You are logged out")


def test_a_large_study_reads_its_older_trials(visit, study, finish, make_trial, monkeypatch):
    monkeypatch.setattr(trials, "ON_PAGE", 3)
    for number in range(12):
        make_trial(study, number, responses=False, is_pareto=number == 4)
    visitor = visit()
    page = visitor.goes_to(address(study) + "#trial=1")

    expect(page.locator("#trials .table-tools")).to_contain_text("12 trials · 1 on the front")
    expect(page.locator("#trials .table-tools")).not_to_contain_text("older")
    expect(row(page, 0)).to_contain_text("1/2")
    expect(row(page, 1)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#trial")).to_contain_text("Ablation strength over the layers")
    wait_live(page)

    finish(study, 12, 0.01, front=[12])

    expect(page.locator("#trials .table-tools")).to_contain_text("13 trials · 1 on the front")
    expect(row(page, 4)).not_to_contain_text("front")
    assert visitor.complaints == []


def test_what_events_said_of_the_front_holds_for_older_trials(
    visit, study, finish, make_trial, monkeypatch
):
    """An answer of the API that was on its way when a trial finished is older than the event."""
    monkeypatch.setattr(trials, "ON_PAGE", 1)
    for number in range(3):
        make_trial(study, number, responses=False, is_pareto=number == 2)
    visitor = visit()
    held = []
    visitor.page.route("**/trials?brief=true*", lambda route: held.append(route))
    page = visitor.goes_to(address(study))
    wait_live(page)
    expect(page.locator("#trials .table-tools")).to_contain_text("1 trial · 1 on the front")
    expect(page.locator("#trials .table-tools")).to_contain_text("reading older ones")
    stale = page.request.get(held[0].request.url).json()
    finish(study, 3, 0.01, front=[0, 3])
    expect(row(page, 3)).to_contain_text("front")

    held[0].fulfill(json=stale)

    expect(page.locator("#trials .table-tools")).to_contain_text("4 trials · 2 on the front")
    expect(row(page, 0)).to_contain_text("front")
    assert visitor.complaints == []
