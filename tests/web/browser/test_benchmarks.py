"""The benchmarks of a trial in a browser: asked for, followed, read; and those of a study."""

import pytest
from playwright.sync_api import expect

from studies.models import Benchmark, Job
from tests.conftest import TASK_RESULT, task_scores

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def own_world(monkeypatch, settings, tmp_path):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    settings.BENCHMARK_ROOTS, settings.BENCHMARK_TASKS = [tmp_path], ["arc_easy", "hellaswag"]
    (tmp_path / "mine.yaml").write_text("task: mine\nmetadata: {about: A task of ours}\n")


@pytest.fixture
def opened(visit, study, make_trial):
    make_trial(study, 0)
    visitor = visit()
    page = visitor.goes_to(f"/studies/{study.pk}/trials/0/")
    yield page.locator("#benchmarks")
    # A browser's own words for an answer that the page shows to its reader.
    assert [one for one in visitor.complaints if "422" not in one] == []


def test_a_benchmark_is_started_followed_and_read(opened):
    expect(opened).to_contain_text("mine – A task of ours")
    opened.get_by_label("hellaswag").uncheck()
    opened.get_by_label("Further tasks").fill("mmlu, arc_easy")
    opened.get_by_label("Examples of each task").fill("")
    opened.get_by_role("button", name="Run benchmark").click()

    row = opened.locator("article.benchmark")
    expect(row).to_contain_text("arc_easy, mmlu")
    expect(row).to_contain_text("Queued")
    expect(row).to_contain_text("all examples")
    benchmark = Benchmark.objects.get()
    assert benchmark.options["tasks"] == ["arc_easy", "mmlu"]

    progress = {"label": "Trial 0 on mmlu", "done": 3, "total": 4, "eta_seconds": 61}
    Job.objects.filter(pk=benchmark.job_id).update(status="running", progress=progress)
    Benchmark.objects.update(results=[TASK_RESULT])
    expect(row).to_contain_text("Trial 0 on mmlu · 1 min 1 s left")
    expect(row.get_by_role("row").nth(1)).to_contain_text("0.800 ± 0.020")

    before = [task_scores("mmlu", 0.5, 0.1), task_scores("mmlu_law", 0.4, 0.1, is_part=True)]
    group = {"name": "mmlu", "original": before, "ablated": before, "reused": True}
    Benchmark.objects.update(results=[TASK_RESULT, group])
    Job.objects.filter(pk=benchmark.job_id).update(status="done", progress={})
    expect(row).to_contain_text("−0.1 worse")
    expect(row).to_contain_text("scores on mmlu are those of an earlier benchmark")
    expect(row.get_by_text("mmlu_law")).to_be_hidden()
    row.get_by_text("1 parts of mmlu").click()
    expect(row.get_by_role("rowheader", name="mmlu_law")).to_be_visible()


def test_what_is_refused_is_said_and_a_failure_shows_its_reason(opened):
    opened.get_by_label("Further tasks").fill("../etc")
    opened.get_by_role("button", name="Run benchmark").click()
    expect(opened.get_by_role("alert")).to_contain_text("must be the name of a task")

    opened.get_by_label("Further tasks").fill("arc_esy")
    opened.get_by_role("button", name="Run benchmark").click()
    row = opened.locator("article.benchmark")
    expect(row).to_contain_text("Queued")
    Job.objects.update(status="failed", error='There is no task "arc_esy"')
    expect(row).to_contain_text('There is no task "arc_esy"')
    row.get_by_role("button", name="Delete").click()
    expect(opened).to_contain_text("No benchmark was run yet")


def test_the_study_shows_all_its_benchmarks_and_who_only_looks_starts_none(
    visit, study, owner, make_trial, make_benchmark
):
    owner.user_permissions.clear()
    trial = make_trial(study, 7)
    make_benchmark(trial)
    visitor = visit(viewport={"width": 375, "height": 800})

    page = visitor.goes_to(f"/studies/{study.pk}/")
    expect(page.locator("#benchmarks tbody tr")).to_contain_text(["7"])
    expect(page.locator("#benchmarks")).to_contain_text("0.700 ± 0.030")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 375
    page.locator("#benchmarks").get_by_role("link", name="7").click()

    expect(page.locator("#benchmarks article")).to_contain_text("Done")
    expect(page.locator("#benchmarks button")).to_have_count(0)
    assert visitor.complaints == []
