"""Every family of errors is a problem document, decided in studies/api/errors.py."""

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, OperationalError
from django.http import Http404
from ninja.errors import HttpError

from studies.api.errors import answer, problem
from studies.engine.errors import (
    InvalidInputError,
    ModelNotFoundError,
    NoSafetensorsError,
    Problem,
    PromptSetError,
)
from studies.lifecycle import StatusConflictError
from studies.models import Trial

FAMILIES = [
    (InvalidInputError([Problem("n_trials", "must be more")]), 422, "invalid_input"),
    (ModelNotFoundError("There is no model x."), 422, "model_not_found"),
    (PromptSetError("It has no prompts."), 422, "prompt_set_unusable"),
    (StatusConflictError("completed", "stopped"), 409, "status_conflict"),
    (Http404(), 404, "not_found"),
    (Trial.DoesNotExist(), 404, "not_found"),
    (HttpError(403, "CSRF check Failed"), 403, "forbidden"),
    (HttpError(429, "Too many requests."), 429, "too_many_requests"),
    (RequestDataTooBig(), 413, "body_too_large"),
    (IntegrityError("UNIQUE"), 409, "conflict"),
    (OperationalError("database or disk is full"), 507, "disk_full"),
    (OperationalError("database is locked"), 503, "database_unavailable"),
    (RuntimeError("secret /srv/path"), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), FAMILIES, ids=lambda v: type(v).__name__)
def test_each_family_has_its_status_and_code(error, status, code):
    response = problem(answer(error))

    assert response.status_code == status
    assert response["content-type"] == "application/problem+json"
    assert f'"type": "urn:heretic-web:{code}"'.encode() in response.content


def test_a_model_that_cannot_be_used_is_placed_at_model_with_its_advice():
    decided = answer(NoSafetensorsError("m has no safetensors file."))

    assert decided.detail.startswith("m has no safetensors file. Convert")
    assert list(decided.problems) == [Problem("model", "m has no safetensors file.")]


def test_all_wrong_fields_are_reported_at_once_with_their_places(api, make_user):
    body = {"modle": "a/b", "profile": 7, "start": "yes", "name": "n" * 101}

    response = api(make_user()).post("studies", body)

    errors = {e["place"]: e["message"] for e in response.json()["errors"]}
    assert response.status_code == 422
    assert errors.keys() == {"modle", "profile", "start", "name"}
    assert 'did you mean "model"?' in errors["modle"]
    assert "true or false" in errors["start"]
    assert set(response.json()) == {"type", "title", "status", "detail", "errors"}


@pytest.mark.parametrize("field", ["owner", "owner_id", "status", "n_finished", "id", "snapshot"])
def test_fields_that_are_not_the_callers_to_set_are_refused(api, make_user, make_profile, field):
    body = {"model": "a/b", "profile": make_profile().slug, field: 1}

    response = api(make_user()).post("studies", body)

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("studies/not-a-uuid", "study_id"),
        ("studies?limit=0", "limit"),
        ("studies?limit=501", "limit"),
        ("studies?offset=-1", "offset"),
        (f"studies?offset={2**63}", "offset"),
        (f"studies?offset={10**400}", "offset"),
        ("studies?status=resting", "status"),
        ("studies?model=%00", "model"),
        ("profiles/%00", "slug"),
        (f"studies/{'0' * 32}/trials/{2**31}", "number"),
        (f"studies/{'0' * 32}/events?wait=31", "wait"),
        (f"studies/{'0' * 32}/events?wait=nan", "wait"),
        (f"studies/{'0' * 32}/events?after={2**63}", "after"),
        ("jobs?status=lazy", "status"),
    ],
)
def test_addresses_and_queries_out_of_range_are_422_at_their_place(api, make_user, path, place):
    response = api(make_user()).get(path)

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == [place]


@pytest.mark.parametrize("path", ["", "nothing", "studies/", "studies/a/b/c"])
def test_an_unknown_address_is_a_problem_document_too(api, make_user, path):
    response = api(make_user()).get(path)

    assert response.status_code == 404
    assert response["content-type"] == "application/problem+json"


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_shows_nothing_of_the_inside(
    api, make_user, monkeypatch, settings, logged, debug
):
    caller = api(make_user())
    caller.get("health")  # loads the middleware, which in debug mode is another
    settings.DEBUG = debug

    def fail(*args):
        raise RuntimeError("canary /srv/secret/path")

    # A fault that no input can cause, so it has to be put there.
    monkeypatch.setattr("studies.api.studies.studies_visible_to", fail)

    response = caller.get("studies")

    assert response.status_code == 500
    assert response.json()["type"] == "urn:heretic-web:internal_error"
    assert b"canary" not in response.content
    assert b"Traceback" not in response.content
    assert "canary" in logged()


def test_a_caller_that_is_too_fast_is_told_when_to_go_on(api, make_user, settings):
    settings.API_REQUESTS_PER_10_SECONDS = 5
    fast, other = api(make_user()), api(make_user())

    codes = [fast.get("profiles").status_code for _ in range(5 * 3)]
    limited = fast.get("profiles")

    assert 429 in codes
    assert codes.count(200) <= 10  # at most two windows were touched
    if limited.status_code == 429:
        assert 1 <= int(limited["Retry-After"]) <= 10
        assert limited.json()["status"] == 429
    assert other.get("profiles").status_code == 200


def test_a_forged_forwarded_address_does_not_reset_the_count(client, db, settings):
    settings.API_REQUESTS_PER_10_SECONDS = 3

    codes = [
        client.get("/api/v1/health", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(12)
    ]

    assert 429 in codes
