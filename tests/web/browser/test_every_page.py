"""Every page in a browser: no complaint, no sideways scrolling on a phone, usable by all."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from studies import commands
from studies.models import (
    ModelOverride,
    NoticeDelivery,
    NoticeTarget,
    PromptSet,
    Scoring,
    ScoringResult,
    Upload,
)
from tests.conftest import SCORE, make_responses
from tests.web.browser import site as pages

pytestmark = pytest.mark.browser
HOSTILE = "</script><img src=x onerror=alert(1)>\u2019=cmd()"
PHONE, DESKTOP = ({"width": width, "height": 800} for width in (375, 1280))
LOAD = 60_000  # milliseconds; each page is the first of its kind
SERIOUS = ("serious", "critical")
ALL_RULES = {"resultTypes": ["violations"]}
COLOURS = ALL_RULES | {"runOnly": ["color-contrast", "link-in-text-block"]}  # the scheme's rules
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
ADMIN_DARK = "document.documentElement.classList.add('dark')"  # as the theme's own switch does
# Charts follow the window a little later.
SETTLED_WIDTH = """(goal) => new Promise((resolve) => {
    const end = performance.now() + 5000;
    const look = () => {
        const width = document.documentElement.scrollWidth;
        if (width <= goal || performance.now() > end) resolve(width);
        else setTimeout(look, 50);
    };
    look();
})"""


@pytest.fixture
def admin(make_user, owner):
    return make_user("root", is_staff=True, is_superuser=True, email="root@example.org")


@pytest.fixture
def site(admin, make_study, make_trial, make_job, make_profile, make_export, make_chat, finish):
    """Rows of every kind, of one user; what the addresses of pages name."""
    preset = make_profile("mine", name="Mine", settings={"n_trials": 50, "seed": 3})
    refusals = make_profile(model="tiny-owner/tiny-llama")
    commands.profile_update(admin, preset, {"parameters": {"max_weight": 1}})
    ModelOverride.objects.create(pattern="tiny-owner/*", profile=preset)

    def study(**fields):
        return make_study(
            **{"owner": admin, "profile": refusals, "model": refusals.model} | fields
        )

    draft, failed = study(name="Draft", status="draft"), study(name="Failed", status="failed")
    hostile = study(status="running", name=HOSTILE, model=HOSTILE, notes=HOSTILE)
    make_trial(hostile, 0, is_pareto=True, error=HOSTILE, note=HOSTILE)
    job = make_job(hostile, status="running", worker_id=HOSTILE)
    make_job(failed, status="failed", error=HOSTILE)
    done = study(name="Done", status="completed")
    for number in range(6):
        finish(done, number, 0.9 - number / 10, front=[number])
    make_responses(done)
    trial = done.trials.get(number=1)
    export = make_export(trial, files={"README.md": CARD})
    upload = make_job(done, kind="upload", status="failed", error="The hub cannot be reached.")
    Upload.objects.create(export=export, job=upload, repo_id="someone/model")
    notice(admin, done)
    scored(make_job(done, kind="rescore", status="done"), admin, study=done, trial=trial)
    scored(
        make_job(None, kind="evaluate", status="done", payload={"model": HOSTILE}),
        admin,
        model=HOSTILE,
    )
    return {
        "draft": draft.pk,
        "failed": failed.pk,
        "hostile": hostile.pk,
        "done": done.pk,
        "export": export.pk,
        "chat": make_chat(trial, turns=2, title="A chat").pk,
        "preset": preset.pk,
        "prompts": PromptSet.objects.first().pk,
        "job": job.pk,
        "user": admin.pk,
    }


CARD = b"""---
license: mit
---
# A model

See [the original](https://example.org/), `code` and

| Score | Value |
| --- | --- |
| Keywords | 3/100 |
"""


def notice(user, study):
    target = NoticeTarget.objects.create(user=user, kind="webhook", url="https://example.org/hook")
    NoticeDelivery.objects.create(
        target=target, study=study, event="finished", payload={}, status="sent", result="204"
    )


def scored(job, owner, *, study=None, trial=None, model=""):
    score = SCORE | {"name": "Keywords", "value": 0.95, "display": "95/100", "low": 0.91}
    row = {"name": HOSTILE, "slug": "x", "how": "chosen", "digest": "d", "count": 2, "dropped": 1}
    given = {"study": study, "model": model, "original": HOSTILE, "prompts": {"bad-test": row}}
    scoring = Scoring.objects.create(owner=owner, job=job, baseline=[score], **given)
    ScoringResult.objects.create(scoring=scoring, trial=trial, scores=[score])


def problems(visitor, path, address):
    """What is wrong with a page, wide and light, then narrow and dark; its parts are opened."""
    page = visitor.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)
    page.goto(address, timeout=LOAD)
    page.wait_for_load_state("networkidle")
    page.evaluate(OPEN_ALL)
    page.evaluate(AXE_SCRIPT)
    found = faults(page, path, ALL_RULES)

    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    page.evaluate(ADMIN_DARK)
    if (width := page.evaluate(SETTLED_WIDTH, PHONE["width"])) > PHONE["width"]:
        found.append(f"{width} pixels wide on a phone")
    found += faults(page, path, COLOURS)
    found += visitor.complaints
    visitor.complaints.clear()
    return found


def faults(page, path, rules):
    """What axe-core finds serious, but for what is others' own."""
    if path in pages.OTHERS_PAGES:
        return []
    scope = {"exclude": [[selector] for selector in pages.OTHERS_FAULTS.get(path, ())]}
    found = page.evaluate("([scope, rules]) => axe.run(scope, rules)", [scope, rules])
    return [
        f"{rule['id']}: {node['html'][:200]} {' '.join(node['failureSummary'].split())}"
        for rule in found["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def visited(visitor, paths, site):
    """The problems of all pages, a line each."""
    found = [(path, problems(visitor, path, path.format(**site))) for path in paths]
    return "\n".join(f"{path} {problem}" for path, told in found for problem in told)


def test_the_pages_of_the_site(visit, admin, site):
    assert visited(visit(user=admin), pages.PAGES, site) == ""


def test_the_pages_of_the_admin_and_the_api(visit, admin, site):
    assert visited(visit(user=admin), pages.ADMIN_PAGES + pages.OTHERS_PAGES, site) == ""


def test_the_pages_for_strangers_and_those_that_refuse(visit, make_user):
    assert visited(visit(user=None), [pages.LOGIN], {}) == ""
    viewer = visit(user=make_user(may=()))
    refused = visited(viewer, [pages.MISSING, pages.FORBIDDEN], {}).splitlines()
    # The browser tells of the answer's status, and of nothing else.
    assert len(refused) == 2
    assert all("the server responded with a status of 40" in line for line in refused)
