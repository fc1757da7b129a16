"""The pages as the server renders them: who sees what, from how many queries, in which state."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.urls import get_resolver
from django.utils import timezone

from studies.models import Study, Worker
from studies.urls import urlpatterns

STATIC = Path(django_settings.BASE_DIR) / "studies/static/studies"
TEMPLATES = Path(django_settings.BASE_DIR) / "templates"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
PUBLIC = {"login", "logout"}


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
    names = {"<uuid:study_id>": str(study.pk), "<int:number>": "0"}
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
        if pattern.name not in PUBLIC:
            assert client.post(address(pattern, study)).status_code == 405, pattern


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


@pytest.mark.parametrize("query", ["status=x", "page=-1", "page=x", "model=%00", "page=9" * 40])
def test_a_filter_without_sense_is_no_error(page, query):
    page(f"/?{query}")


def test_more_studies_need_no_more_queries(
    client, owner, make_study, django_assert_max_num_queries
):
    client.force_login(owner)
    for number in range(25):
        make_study(owner=owner, name=f"Study {number}", status="queued")
    with django_assert_max_num_queries(8):
        client.get("/")


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
    with django_assert_max_num_queries(8):
        client.get(f"/studies/{study.pk}/")


def test_others_studies_and_missing_trials_are_not_found(page, make_study, make_trial, owner):
    strange, own = make_study(), make_study(owner=owner)
    make_trial(strange, 0)

    page(f"/studies/{strange.pk}/", 404)
    page(f"/studies/{strange.pk}/trials/0/", 404)
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
    (trial,) = state_of(page(f"/studies/{study.pk}/"), "study-trials")
    assert (trial["kernel"], trial["direction"]) == ({}, "")
    assert trial["details"]["layers"] == "2–6"


def test_hostile_names_stay_text(page, make_study, make_trial, make_job, owner):
    study = make_study(owner=owner, name=HOSTILE, model=HOSTILE, status="running", error=HOSTILE)
    make_trial(study, 0, error=HOSTILE, parameters={HOSTILE: HOSTILE})
    make_job(study, error=HOSTILE)

    for path in ("/", f"/studies/{study.pk}/", f"/studies/{study.pk}/trials/0/", "/queue/"):
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
