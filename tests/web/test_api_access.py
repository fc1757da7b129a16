"""Nobody gets in without a decision: anonymous, stranger, owner and staff on every operation."""

import json
import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from studies.models import Trial
from tests.web.test_api_schema import SNAPSHOT

ANYBODY = {  # names of the URLs that need no login
    "login",
    "password_reset",
    "api-1:health",
    "admin:login",
    "admin:logout",
    "logout",
}
REFUSALS = {302, 401, 403, 404, 405}
PREFIX = "/api/v1"
BODIES = {
    "extend": {"n_trials": 1},
    "priority": {"priority": 1},
    "resolve": {},
    "fork": {"start": False},
    "preview": {},
    "enqueue": {"enqueue": [{"parameters": {"max_weight": {"attn.o_proj": 1.0}}}]},
    "exports": {"strategy": "merge"},
    "benchmarks": {"tasks": ["arc_easy"]},
    "chats": {},
    "turns": {"message": "Hello"},
    "label": {"label": True},
    "card": {"text": "# A card"},
    "notifications": {"kind": "webhook", "url": "https://example.org/"},
    "upload": {"repo_id": "someone/model"},
    "rescores": {"trials": [0], "prompts": {"bad-test": "bad-test"}},
}
ID_NAMES = ("study_id", "job_id", "export_id", "chat_id", "benchmark_id", "scoring_id")
IDS: dict[str, object] = {name: uuid4() for name in ID_NAMES}
IDS |= {"target_id": 1, "override_id": 1, "number": 0, "slug": "a", "path": "a"}
IDS |= {"position": 0, "kind": "timeline", "file_type": "csv"}
EXPORTED = {
    "reproduce.json": json.dumps(
        {
            "format": "heretic-web reproduction",
            "version": 1,
            "model": {"name": "tiny/llama"},
            "method": "directional",
            "parameters": {},
            "settings": {},
            "prompts": {},
            "scores": [],
            "export": {"strategy": "merge"},
            "files": [],
            "environment": {},
        }
    ).encode()
}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
SAMPLES = {"int": "1", "uuid": str(uuid4()), "slug": "a", "str": "a", "path": "a/b"}


def every_url(resolver=None, prefix="", names=""):
    """Yield (name, address) of every URL of the site, with made-up arguments."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(entry, URLResolver):
            space = f"{names}{entry.namespace}:" if entry.namespace else names
            yield from every_url(entry, route, space)
        elif isinstance(entry, URLPattern):
            filled = re.sub(r"<(?:(\w+):)?\w+>", lambda m: SAMPLES[m[1] or "str"], route)
            filled = re.sub(r"\(\?P<\w+>.*\)", "a", filled)
            yield f"{names}{entry.name or ''}", "/" + filled


# Describing the API takes a second; another test holds that the published description is true.
PATHS = json.loads(SNAPSHOT.read_text())["paths"]


def operations():
    """Yield (method, path template) of every operation of the API."""
    for path, methods in PATHS.items():
        for method in methods:
            yield method.upper(), path


def id_operations():
    return [
        (method, path)
        for method, path in operations()
        if re.search(r"\{(study|job|export|benchmark)_", path)
    ]


@pytest.fixture
def world(make_user, make_study, make_trial, make_job, make_export, make_benchmark, make_geometry):
    """A study with a trial, a job, and what was made of them, and the three who may want it."""
    owner, staff, stranger = make_user("owner"), make_user("s", is_staff=True), make_user("other")
    study = make_study(owner=owner, status="running")
    export = make_export(make_trial(study, 0), files=EXPORTED)
    make_geometry(study)
    job = make_job(study, status="running")
    people = {"owner": owner, "staff": staff, "stranger": stranger}
    ids = {"study_id": study.pk, "number": 0, "job_id": job.pk}
    ids |= {"export_id": export.pk, "benchmark_id": make_benchmark(export.trial).pk}
    return people, IDS | ids | {"path": "reproduce.json"}


def call(client, method, path, ids):
    address = path.format(**ids).removeprefix(f"{PREFIX}/")
    if method == "GET":
        return client.get(address)
    usual = {} if method == "PATCH" else None
    body = BODIES.get(address.rpartition("/")[2], usual)
    return client.post(address, body, method=method.lower())


def test_every_url_of_the_site_refuses_an_anonymous_visitor(client, db):
    open_to_all = {
        f"{name} {address}"
        for name, address in every_url()
        for response in [client.get(address)]
        if response.status_code not in REFUSALS and name not in ANYBODY
    }

    assert open_to_all == set()


def test_redirects_of_anonymous_visitors_lead_to_a_login(client, db):
    targets = {
        response.url.partition("?")[0]
        for name, address in every_url()
        for response in [client.get(address)]
        if response.status_code == 302 and name not in ANYBODY
    }

    assert targets <= {"/accounts/login/", "/admin/login/"}


@pytest.mark.parametrize(("method", "path"), list(operations()))
def test_every_operation_but_health_refuses_an_anonymous_caller(db, method, path):
    address = path.format(**IDS)

    response = Client().generic(method, address, "{}", "application/json")

    assert response.status_code == (200 if path == f"{PREFIX}/health" else 401)


@pytest.mark.parametrize("query", ["token", "access_token", "api_key", "key"])
def test_a_token_in_the_address_is_not_taken(api, make_user, query):
    secret = api(make_user()).headers["Authorization"].removeprefix("Bearer ")

    assert api().get("studies", **{query: secret}).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Bearer hwt_" + "x" * 43, "Basic YTpi", "Token {}", "{}"],
)
def test_other_authorization_headers_are_refused_even_beside_a_session(
    api, make_user, client, header
):
    user = make_user()
    client.force_login(user)
    secret = api(user).headers["Authorization"].removeprefix("Bearer ")

    response = client.get(f"{PREFIX}/studies", headers={"Authorization": header.format(secret)})

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), id_operations())
def test_owner_and_staff_find_it_and_a_stranger_finds_nothing(api, world, method, path):
    people, ids = world

    # What is deleted is there for one of them only.
    names = ("stranger", "owner") if method == "DELETE" else ("stranger", "staff", "owner")
    found = {name: call(api(people[name]), method, path, ids).status_code for name in names}

    assert found.pop("stranger") == 404
    assert not {401, 403, 404, 405, 422, 500} & set(found.values()), found


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path in operations() if "{chat_" in path]
)
def test_a_chat_is_there_for_its_owner_and_for_nobody_else(
    api, world, make_chat, make_job, method, path
):
    people, ids = world
    chat = make_chat(Trial.objects.get(), turns=1)
    if path.endswith("/stop"):
        chat.turns.update(finished_at=None, job=make_job(chat.study, kind="chat"))
    ids = ids | {"chat_id": chat.pk}

    for name in ("stranger", "staff"):
        assert call(api(people[name]), method, path, ids).status_code == 404, name
    assert call(api(people["owner"]), method, path, ids).status_code in (200, 202, 204)


def test_a_trial_of_another_study_is_not_reached_through_ones_own(
    api, make_user, make_study, make_trial
):
    mine, theirs = make_study(owner=make_user("me")), make_study()
    make_trial(theirs, 5)

    for end in ("", "/responses"):
        response = api(mine.owner).get(f"studies/{mine.pk}/trials/5{end}")
        assert response.status_code == 404


def test_lists_hold_only_what_the_caller_may_see(api, make_user, make_study, make_job):
    mine, theirs = make_study(owner=make_user("me")), make_study()
    make_job(mine), make_job(theirs)

    for path, own in (("studies", str(mine.pk)), ("jobs", str(mine.jobs.get().pk))):
        answer = api(mine.owner).get(path).json()
        assert ([item["id"] for item in answer["items"]], answer["count"]) == ([own], 1)
        assert api(make_user(is_staff=True)).get(path).json()["count"] == 2


@pytest.mark.parametrize("path", sorted({path for _, path in operations()}))
def test_methods_that_an_address_does_not_have_are_405(api, make_user, path):
    allowed = {method for method, p in operations() if p == path}
    client = api(make_user())

    for method in set(METHODS) - allowed:
        response = client.client.generic(method, path.format(**IDS), headers=client.headers)
        assert response.status_code == 405, method
        assert set(response["Allow"].split(", ")) == allowed
        if method != "HEAD":
            assert response.json()["status"] == 405


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path in operations() if method != "GET"]
)
def test_a_session_without_its_csrf_token_changes_nothing(make_user, world, method, path):
    people, ids = world
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["owner"])

    response = client.generic(
        method, path.format(**IDS | ids), "{}", content_type="application/json"
    )

    assert response.status_code == 403
    assert "CSRF" in response.json()["detail"]


def test_a_session_with_its_csrf_token_may_do_what_a_token_may(make_user, make_study):
    study = make_study(status="running")
    client = Client(enforce_csrf_checks=True)
    client.force_login(study.owner)
    client.cookies["csrftoken"] = "a" * 32

    response = client.post(f"{PREFIX}/studies/{study.pk}/stop", headers={"X-CSRFToken": "a" * 32})

    assert (response.status_code, response.json()["status"]) == (202, "stopping")


@pytest.mark.parametrize("path", ["docs", "openapi.json"])
def test_the_documentation_is_for_staff_and_tokens(api, make_user, path):
    address = f"{PREFIX}/{path}"
    member, staff = Client(), Client()
    member.force_login(make_user())
    staff.force_login(make_user(is_staff=True))

    assert Client().get(address).status_code == 401
    assert Client().get(address, headers={"Accept": "text/html"}).status_code == 302
    assert member.get(address).status_code == 403
    assert staff.get(address).status_code == 200
    assert staff.get(address, headers={"Authorization": "Bearer hwt_x"}).status_code == 401
    assert api(make_user()).get(path).status_code == 200


def test_the_documentation_page_asks_no_other_server(make_user, client):
    client.force_login(make_user(is_staff=True))

    page = client.get(f"{PREFIX}/docs").content.decode()

    assert re.findall(r'(?:src|href)="([^"]+)"', page)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_an_inactive_user_is_nobody(api, make_user):
    user = make_user()
    client = api(user)
    user.is_active = False
    user.save()

    assert client.get("studies").status_code == 401
