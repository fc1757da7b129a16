"""The pages as the server renders them: who sees what, from how many queries, in which state."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.urls import get_resolver
from django.utils import timezone

from studies.models import Study, StudyTag, Worker
from studies.selectors import trial_detail, trials
from studies.urls import urlpatterns

STATIC = Path(django_settings.BASE_DIR) / "studies/static/studies"
TEMPLATES = Path(django_settings.BASE_DIR) / "templates"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
PUBLIC = {"login", "logout"}
FORMS = {"export-detail"}  # pages with a form of their own


@pytest.fixture
def owner(make_user):
    return make_user("owner")


@pytest.fixture
def page(client, owner):
    """Return a function: `page("/queue/")` is the page as the owner sees it."""
    client.force_login(owner)

    def get(path, status=200):
        answer = client.get(path)
        assert answer.status_code == status, answer.content
        return answer.content.decode()

    return get


def state_of(html, name="study-state"):
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', html)
    return json.loads(found[1])


def address(pattern, study):
    any_id = str(study.pk)
    names = {"<uuid:study_id>": any_id, "<int:number>": "0", "<uuid:export_id>": any_id}
    path = str(pattern.pattern)
    for name, value in names.items():
        path = path.replace(name, value)
    return f"/{path}"


def test_every_page_asks_for_a_login(client, make_study):
    study = make_study()
    private = [pattern for pattern in urlpatterns if pattern.name not in PUBLIC]
    assert {pattern.name for pattern in private} >= {"study-list", "study-detail", "queue"}

    for pattern in private:
        answer = client.get(address(pattern, study))
        assert answer.status_code == 302, pattern
        assert answer.url.startswith("/accounts/login/?next=")


def test_pages_answer_no_other_method(client, owner, make_study):
    client.force_login(owner)
    study = make_study(owner=owner)
    for pattern in urlpatterns:
        if pattern.name in PUBLIC:
            continue
        if pattern.name not in FORMS:
            assert client.post(address(pattern, study)).status_code == 405, pattern
        assert client.delete(address(pattern, study)).status_code == 405, pattern


def test_all_page_addresses_are_served():
    names = get_resolver().reverse_dict
    assert {"study-list", "study-new", "study-detail", "trial-detail", "queue"} <= set(names)


def test_an_empty_list_leads_to_the_first_study(page):
    html = page("/")

    assert "Start your first study" in html
    assert 'href="/studies/new?preset=demo"' in html


def test_the_list_shows_own_studies_with_progress_and_best(page, make_study, owner):
    best = [{"name": "Keywords", "value": 0.03, "display": "3/100", "trial": 7}]
    make_study(owner=owner, name="Mine", status="running", n_finished=9, best=best)
    make_study(name="Somebody else's")
    html = page("/")

    assert "Mine" in html
    assert "9 / 40" in html
    assert "3/100" in html
    assert "Somebody else" not in html


def test_the_list_is_filtered_and_paged(page, make_study, owner):
    for number in range(26):
        make_study(owner=owner, name=f"Study {number:02}", model="tiny/llama")
    make_study(owner=owner, name="Failed one", status="failed", model="other/model")

    assert "Page 1 of 2" in page("/")
    assert "Study 00" in page("/?page=2")
    failed = page("/?status=failed")
    assert "Failed one" in failed
    assert "Study 25" not in failed
    assert "Failed one" in page("/?model=OTHER")
    assert "No study fits" in page("/?model=nothing")


@pytest.mark.parametrize(
    "query", ["status=x", "page=-1", "page=x", "model=%00", "tag=%00", "q=%00", "page=9" * 40]
)
def test_a_filter_without_sense_is_no_error(page, query):
    page(f"/?{query}")


def test_more_studies_need_no_more_queries(
    client, owner, make_study, django_assert_max_num_queries
):
    client.force_login(owner)
    for number in range(25):
        make_study(owner=owner, name=f"Study {number}", status="queued")
    with django_assert_max_num_queries(18):
        client.get("/")


def test_the_dashboard_shows_what_runs_where_and_what_waits(page, make_study, make_job, owner):
    now = timezone.now()
    Worker.objects.create(id="host:1", device="cuda:0", state="busy", started_at=now, seen_at=now)
    progress = {"label": "Generating", "done": 3, "total": 9, "trial": 4, "eta_seconds": 600}
    runs = make_study(owner=owner, name="Runs", status="running", progress=progress)
    make_job(runs, status="running", worker_id="host:1")
    waits = make_study(owner=owner, name="Waits", status="queued")
    make_job(waits)
    make_study(name="Strange", status="running")
    now_part = page("/").partition('id="title-now"')[2].partition("</section>")[0]

    assert "on cuda:0" in now_part
    assert "Trial 4: Generating" in now_part
    assert "about 10 min left" in now_part
    assert now_part.index("Runs") < now_part.index("Waiting: 1") < now_part.index("Waits")
    assert "Strange" not in now_part


def test_a_dashboard_without_workers_says_so(page, make_study, owner):
    make_study(owner=owner)
    html = page("/")

    assert "No worker is running" in html
    assert "No study is running." in html


def test_the_list_is_filtered_by_tag_and_by_name_or_notes(page, make_study, owner):
    tagged = make_study(owner=owner, name="Tagged", notes="A rare word.")
    make_study(owner=owner, name="Other")
    StudyTag.objects.create(study=tagged, tag="to keep")

    assert 'href="/?tag=to%20keep"' in page("/")
    for query in ("tag=to+keep", "q=RARE", "q=tagg"):
        html = page(f"/?{query}")
        assert "Tagged" in html
        assert "Other" not in html
        assert 'id="title-now"' not in html  # what happens now is no part of a search
    assert "No study fits" in page("/?tag=other")


def test_more_running_studies_need_no_more_queries(
    client, owner, make_study, make_job, django_assert_max_num_queries
):
    client.force_login(owner)
    for number in range(12):
        make_job(
            make_study(owner=owner, name=f"Study {number}", status="running"), status="running"
        )
    with django_assert_max_num_queries(18):
        client.get("/")


def test_the_live_page_leaves_kernels_to_be_read_one_by_one(page, make_study, make_trial, owner):
    study = make_study(owner=owner)
    make_trial(study, 0, is_pareto=True)
    html = page(f"/studies/{study.pk}/")

    (trial,) = state_of(html, "study-trials")
    assert "kernel" not in trial
    assert trial["recommended"] is True
    assert state_of(html)["recommended"] == 0


def test_the_page_of_figures_loads_none_by_itself(page, make_study, make_trial, owner):
    study = make_study(owner=owner, n_finished=1)
    make_trial(study, 0, responses=False)
    html = page(f"/studies/{study.pk}/analysis/")

    assert html.count("data-figure=") == 5  # one objective has no hypervolume
    assert state_of(html, "page-data")["objectives"] == ["Keywords"]


def test_the_page_of_a_trial_says_who_decided_and_leads_to_its_neighbours(
    page, make_study, make_trial, owner
):
    study = make_study(owner=owner, n_layers=3)
    for number in (1, 4, 9):
        make_trial(study, number)
    html = page(f"/studies/{study.pk}/trials/4/")

    assert "0.8 … 1.5" in html
    assert "default" in html
    assert f"/studies/{study.pk}/trials/1/" in html
    assert f"/studies/{study.pk}/trials/9/" in html
    assert f"/api/v1/studies/{study.pk}/responses.csv?trial=4" in html


def test_the_page_of_a_trial_needs_few_queries(
    client, owner, make_study, make_trial, django_assert_max_num_queries
):
    client.force_login(owner)
    study = make_study(owner=owner)
    for number in range(20):
        make_trial(study, number, is_pareto=True, responses=False)
    with django_assert_max_num_queries(13):
        client.get(f"/studies/{study.pk}/trials/10/")


def test_the_live_page_carries_state_and_trials(page, make_study, make_trial, owner):
    study = make_study(owner=owner, status="running", event_count=5)
    make_trial(study, 3, is_pareto=True)
    html = page(f"/studies/{study.pk}/")

    assert state_of(html)["event_count"] == 5
    assert [trial["number"] for trial in state_of(html, "study-trials")] == [3]


def test_more_trials_need_no_more_queries(
    client, owner, make_study, make_trial, django_assert_max_num_queries
):
    client.force_login(owner)
    study = make_study(owner=owner)
    for number in range(30):
        make_trial(study, number, responses=False)
    with django_assert_max_num_queries(17):
        client.get(f"/studies/{study.pk}/")


def test_a_large_study_comes_with_its_newest_trials_and_its_front(
    page, make_study, make_trial, owner, monkeypatch
):
    monkeypatch.setattr(trials, "ON_PAGE", 3)
    study = make_study(owner=owner)
    for number in (0, 2, 3, 5, 7, 8):
        make_trial(study, number, is_pareto=number in (2, 8), responses=False)
    html = page(f"/studies/{study.pk}/")

    assert [trial["number"] for trial in state_of(html, "study-trials")] == [2, 5, 7, 8]
    assert state_of(html, "study-older") == 5

    small = make_study(owner=owner)
    for number in (0, 2, 3):
        make_trial(small, number, responses=False)
    html = page(f"/studies/{small.pk}/")
    assert [trial["number"] for trial in state_of(html, "study-trials")] == [0, 2, 3]
    assert state_of(html, "study-older") is None


def test_others_studies_and_missing_trials_are_not_found(page, make_study, make_trial, owner):
    strange, own = make_study(), make_study(owner=owner)
    make_trial(strange, 0)

    page(f"/studies/{strange.pk}/", 404)
    page(f"/studies/{strange.pk}/trials/0/", 404)
    page(f"/studies/{strange.pk}/analysis/", 404)
    page(f"/studies/{own.pk}/trials/0/", 404)
    assert "Nothing here" in page(f"/studies/{own.pk}/trials/{'9' * 30}/", 404)


def test_staff_see_every_study(page, make_study, owner):
    owner.is_staff = True
    owner.save()
    study = make_study(name="Somebody else's")

    assert "Somebody else" in page("/")
    page(f"/studies/{study.pk}/")


def test_an_error_is_said_in_words_with_advice(page, make_study, owner):
    study = make_study(
        owner=owner, status="failed", error="No weights.", error_advice="Convert them."
    )
    html = page(f"/studies/{study.pk}/")

    assert "No weights." in html
    assert "Convert them." in html


def test_the_page_of_a_trial_has_its_numbers(page, make_study, make_trial, owner):
    study = make_study(owner=owner)
    make_trial(study, 3, is_pareto=True)
    html = page(f"/studies/{study.pk}/trials/3/")

    assert "1/2" in html
    assert "attn.o_proj" in html
    assert state_of(html, "page-data")["kernel"] == {"attn.o_proj": [0.0, 1.1]}


def test_a_method_without_a_kernel_or_a_direction_lists_what_it_says(
    page, make_study, make_trial, owner
):
    study = make_study(owner=owner)
    make_trial(study, 3, details={"layers": "2–6", "reach": {"low": 1, "high": 2}, HOSTILE: 1})
    html = page(f"/studies/{study.pk}/trials/3/")

    assert "Ablation strength" not in html
    assert "2–6" in html
    assert "1 … 2" in html
    assert HOSTILE not in html
    trial = trial_detail(study, 3)
    assert (trial["kernel"], trial["direction"]) == ({}, "")
    assert trial["details"]["layers"] == "2–6"


def test_hostile_names_stay_text(page, make_study, make_trial, make_job, owner):
    study = make_study(owner=owner, name=HOSTILE, model=HOSTILE, status="running", error=HOSTILE)
    make_trial(study, 0, error=HOSTILE, parameters={HOSTILE: HOSTILE})
    make_job(study, error=HOSTILE)

    own = f"/studies/{study.pk}/"
    for path in ("/", own, f"{own}trials/0/", f"{own}analysis/", "/queue/"):
        html = page(path)
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_a_new_study_offers_presets_and_every_setting(page, make_profile):
    make_profile("refusals", description="Removes refusals.")
    make_profile("hidden", is_active=False)
    data = state_of(page("/studies/new"), "page-data")

    assert [profile["slug"] for profile in data["profiles"]] == ["refusals"]
    kinds = {s["name"]: s["kind"] for s in data["methods"]["directional"]["settings"]}
    assert kinds["n_trials"] == kinds["seed"] == "integer"
    assert kinds["good_prompts"] == "prompts"
    assert kinds["row_normalization"] == "choice"
    assert kinds["orthogonalize_direction"] == "boolean"
    assert kinds["winsorization_quantile"] == "number"
    assert kinds["scorers"] == kinds["dtypes"] == kinds["target_components"] == "json"
    assert kinds["untouched_layers"] == kinds["untouched_layer_fractions"] == "spans"
    assert kinds["system_prompt"] == kinds["response_prefix"] == "string"


def test_a_new_study_without_presets_says_what_to_do(page):
    assert "There is no preset" in page("/studies/new")


def test_the_queue_shows_workers_and_places(page, make_study, make_job, owner):
    now = timezone.now()
    Worker.objects.create(id="host:1", device="cuda:0", state="busy", started_at=now, seen_at=now)
    running = make_study(owner=owner, name="Runs", status="running")
    Study.objects.filter(pk=running.pk).update(
        progress={"label": "Loading", "done": 1, "total": 4}
    )
    make_job(running, status="running", worker_id="host:1")
    make_job(make_study(owner=owner, name="Waits", status="queued"))
    html = page("/queue/")

    assert "cuda:0" in html
    assert "Loading" in html
    assert html.index("Runs") < html.index("Waits")


def test_an_idle_queue_says_so(page):
    html = page("/queue/")

    assert "No worker has given a sign of life" in html
    assert "Nothing runs and nothing waits" in html


def test_wrong_passwords_lock_the_login(client, owner, settings):
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post("/accounts/login/", {"username": "owner", "password": "wrong"})

    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.content.decode()


def test_logging_in_goes_where_one_wanted_to_but_never_elsewhere(client, owner):
    owner.set_password("right-password")
    owner.save()
    fields = {"username": "owner", "password": "right-password"}

    inside = client.post("/accounts/login/", fields | {"next": "/queue/"})
    client.logout()
    outside = client.post("/accounts/login/", fields | {"next": "https://evil.example/"})
    assert (inside.url, outside.url) == ("/queue/", "/")


def test_logging_out_takes_a_post(client, owner):
    client.force_login(owner)
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/").url == "/accounts/login/"
    assert client.get("/").status_code == 302


def test_a_failure_of_ours_is_a_page_without_details(client, owner, monkeypatch):
    client.force_login(owner)
    client.raise_request_exception = False
    monkeypatch.setattr("studies.views.queue.workers_seen", lambda: 1 / 0)
    answer = client.get("/queue/")

    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert "ZeroDivisionError" not in answer.content.decode()


def test_nothing_inline_and_nothing_from_elsewhere():
    """The content security policy allows neither; a template that tries fails silently."""
    for file in TEMPLATES.rglob("*.html"):
        if "admin" in file.parts:
            continue
        text = file.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), file
        assert not re.search(r"""(src|href)=["'](https?:)?//""", text), file
        assert "|safe" not in text, file
        for script in re.findall(r"<script[^>]*>", text):
            assert "src=" in script, file


def test_scripts_never_parse_markup_from_data():
    scripts = list((STATIC / "js").glob("*.js"))
    assert scripts
    for file in scripts:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|eval\(", file.read_text()), (
            file
        )
