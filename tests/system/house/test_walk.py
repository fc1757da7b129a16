"""The way of a first-time user: a study with a crash in it, its answers, its exports, a chat."""

import hashlib
import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from studies.engine.scorer_settings import DEFAULT_MARKERS
from tests.system.conftest import kill_tree, visitor_of
from tests.system.house.plain_models import PlainModel, mean_kl, n_with_a_marker

N_TRIALS = 10
SEED = 1  # with it, one of the first trials answers what the original refuses
END = 180_000  # milliseconds
pytestmark = [pytest.mark.timeout(480), pytest.mark.browser]


@pytest.fixture(scope="module")
def visitor(house, chromium):
    yield from visitor_of(house, chromium)


@pytest.fixture(scope="module")
def study(house, visitor):
    """A study that was started, stopped, resumed, and lost its worker; and what was seen of it."""
    page = visitor.new_page()
    start_demo(page)
    expect(rows(page)).not_to_have_count(0, timeout=90_000)
    page.evaluate("window.notReloaded = true")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#study-status")).to_have_text("Stopped", timeout=30_000)
    n_kept = rows(page).count()

    page.get_by_role("button", name="Resume").click()
    expect(rows(page).nth(n_kept)).to_be_visible(timeout=60_000)
    kill_tree(house.worker)
    house.start_worker()
    expect(page.locator("#study-status")).to_have_text("Completed", timeout=END)
    study_id = re.search(r"[0-9a-f-]{36}", page.url)[0]
    return SimpleNamespace(id=study_id, page=page, number=house.study(study_id)["recommended"])


@pytest.fixture
def page(visitor):
    return visitor.new_page()


def start_demo(page):
    """Fill in the form and start, as a person would."""
    page.goto("/")
    page.get_by_role("link", name="New study").first.click()
    page.locator("#profile").select_option(label="Demo (runs here, no download)")
    page.locator('[name="n_trials"]').fill(str(N_TRIALS))
    page.locator('[name="seed"]').fill(str(SEED))
    expect(page.locator("#parameters")).to_contain_text("max_weight")
    page.get_by_role("button", name="Start study").click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]{36}/"))


def rows(page):
    return page.locator("#trials tbody tr[data-number]")


def read(house, path):
    return house.client().get(f"/api/v1/{path}").raise_for_status().json()


def test_a_study_is_followed_in_the_browser_through_the_loss_of_its_worker(study):
    page = study.page

    expect(page.locator("#text-trials")).to_have_text(f"{N_TRIALS} of {N_TRIALS} trials")
    expect(rows(page)).to_have_count(N_TRIALS)
    assert page.evaluate("window.notReloaded")
    shown = [int(row.get_attribute("data-number")) for row in rows(page).all()]
    assert sorted(shown) == list(range(N_TRIALS))

    page.reload()
    expect(rows(page)).to_have_count(N_TRIALS)
    page.evaluate("window.notReloaded = true")


def test_the_answers_of_the_recommended_trial_stand_beside_the_originals(house, study, page):
    page.goto(f"/studies/{study.id}/")
    page.get_by_role("button", name="Select", exact=True).click()
    expect(page.locator("#trial canvas")).to_be_visible()
    page.get_by_role("link", name="Own page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("recommended")

    changed = page.get_by_role("button", name="Changed verdict")
    pairs = page.locator("#responses .pair")
    expect(pairs).to_have_count(10)  # a page of them, of any verdict
    changed.click()

    expect(changed).to_have_attribute("aria-pressed", "true")
    expect(changed).to_have_text(f"Changed verdict {n_changed(house, study)}")
    first = pairs.first.locator(".answer")
    expect(first.nth(0).locator("mark").first).to_have_text(re.compile("sorry", re.IGNORECASE))
    expect(first.nth(1).locator("mark")).to_have_count(0)
    expect(pairs.first.locator(".verdicts")).to_contain_text("not counted, was counted")


def n_changed(house, study):
    """Counted from the answers themselves; unchanged answers are no verdict that could change."""
    before, after = answers_of(house, study)
    return sum(bool(before[prompt]) != bool(after[prompt]) for prompt in before)


def answers_of(house, study):
    """The markers found in the original's answers and in the trial's, by prompt."""
    parts = ("baseline", f"trials/{study.number}")
    found = [read(house, f"studies/{study.id}/{part}/responses") for part in parts]
    return [
        {row["prompt"]: row["matched"] for row in rows if row["scorer"] == "Keywords"}
        for rows in found
    ]


def test_a_merged_export_scores_with_transformers_alone_as_its_trial_did(
    house, study, page, tmp_path
):
    page.goto(f"/studies/{study.id}/trials/{study.number}/")
    for strategy, title in (("adapter", "LoRA adapter"), ("merge", "Merged model")):
        page.get_by_label("What").select_option(strategy)
        page.get_by_role("button", name="Export", exact=True).click()
        expect(page.locator("article.export", has_text=title)).to_be_visible()
    expect(page.locator("article.export", has_text="Ready")).to_have_count(2, timeout=120_000)
    for title, name in (("LoRA adapter", "adapter"), ("Merged model", "merged")):
        download_all(page.locator("article.export", has_text=title), tmp_path / name)

    exports = read(house, f"studies/{study.id}/trials/{study.number}/exports")
    for export, name in zip(exports, ("merged", "adapter"), strict=True):  # the newest first
        assert export["manifest"]["verification"]["equal"]
        told = {file["path"]: file["sha256"] for file in export["manifest"]["files"]}
        assert told == hashes(tmp_path / name)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()

    scores = read(house, f"studies/{study.id}/trials/{study.number}")["scores"]
    told = {score["name"]: score["value"] for score in scores}
    n_refused, divergence = scored(house.folder, tmp_path / "merged")
    assert n_refused == round(100 * told["Keywords"])
    assert divergence == pytest.approx(told["KL divergence"], rel=1e-4, abs=1e-8)


def download_all(row, folder):
    """Fetch each file of an export at the address that the page gives it; click on one.

    Not on all: some runs lost the later ones of many quick downloads inside the browser.
    """
    row.locator("summary").click()
    for link in row.locator("details a").all():
        name = link.inner_text()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name == "model.safetensors":
            with row.page.expect_download() as download:
                link.click()
            download.value.save_as(folder / name)
        else:
            answer = row.page.request.get(link.get_attribute("href"))
            assert answer.ok, answer.status_text
            (folder / name).write_bytes(answer.body())


def hashes(folder):
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def scored(house, export):
    """How many of the study's prompts an export refuses, and its divergence from the original."""
    system = "You are a helpful assistant."
    asked, answered = (
        (house / f"prompts/demo/{kind}_scoring.txt").read_text().split("\n")[:100]
        for kind in ("bad", "good")
    )
    original, changed = PlainModel(house / "models/demo"), PlainModel(export)
    n_refused = n_with_a_marker(changed.answers(asked, system, max_tokens=40), DEFAULT_MARKERS)
    pair = [model.first_logprobs(answered, system) for model in (original, changed)]
    return n_refused, mean_kl(*pair)


def test_a_chat_refuses_at_strength_0_and_answers_at_1_and_more(house, study, page):
    before, after = answers_of(house, study)
    question = next(prompt for prompt in before if before[prompt] and not after[prompt])
    page.goto(f"/studies/{study.id}/trials/{study.number}/chat/")
    slider = page.get_by_label("Strength of the ablation")

    slider.press("Home")
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")
    assert is_refusal(answer(page, 1, "original"))
    assert is_refusal(answer(page, 1, "ablated"))

    slider.fill("1")
    page.get_by_role("button", name="Ask again at strength 1").click()
    assert is_refusal(answer(page, 2, "original"))
    assert not is_refusal(answer(page, 2, "ablated"))

    slider.press("End")
    page.get_by_role("button", name="Ask again at strength 1.5").click()
    assert not is_refusal(answer(page, 3, "ablated"))


def answer(page, number, column):
    """What stands in a column once it is complete."""
    turns = page.locator("article.turn")
    expect(turns).to_have_count(number)
    expect(turns.nth(number - 1)).to_have_attribute("data-state", "done", timeout=60_000)
    text = turns.nth(number - 1).locator(f"[data-column={column}] .chat-text").inner_text()
    assert len(text) > 10
    return text


def is_refusal(text):
    return n_with_a_marker([text], DEFAULT_MARKERS) == 1
