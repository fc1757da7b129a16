"""Uploads by the worker to a stand-in for the hub; tokens leave no trace."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from huggingface_hub import constants

from studies import commands, runner
from studies.commands import UploadRequest
from studies.engine import hub_upload
from studies.engine.errors import InvalidInputError
from studies.exporting import export_folder
from studies.jobs import job_claim
from studies.lifecycle import StatusConflictError
from studies.models import Job, Upload
from studies.runner import ports
from studies.uploading import tokens_forget
from tests.hub import Hub

pytestmark = [
    pytest.mark.django_db,
    # The hub's library passes files to its client in the old way.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]
CANARY = "hf_CANARYabcdef0123456789"
FILES = {"model.safetensors": b"w" * 5000, "config.json": b"{}", "README.md": b"# A card\n"}


@pytest.fixture
def hub(settings, monkeypatch):
    hub = Hub()
    settings.HUB_ENDPOINT = hub.url
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hub_upload, "LOOK", 0.001)
    monkeypatch.setattr(hub_upload, "PAUSE", 0.001)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("studies.runner.uploads.get_token", lambda: None)
    yield hub
    hub.close()


@pytest.fixture
def ready(make_study, make_trial, make_export):
    return make_export(make_trial(make_study(status="completed")), files=FILES)


def asked(export, **fields):
    request = UploadRequest(**{"repo_id": "someone/model", "token": "hf_good"} | fields)
    return commands.upload_create(export, request)


def work():
    lease = job_claim("worker")
    runner.run(lease, lease_lost=threading.Event())
    return Job.objects.get(pk=lease.job_id)


def uploaded(export, **fields):
    asked(export, **fields)
    return work()


def database_text():
    """Every value of every table."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows.append(repr(cursor.fetchall()))
    return "\n".join(rows)


def test_all_files_come_in_one_commit_into_a_private_repository(hub, ready):
    job = uploaded(ready)

    assert (job.status, job.error) == ("done", "")
    repo = hub.repositories["someone/model"]
    assert repo["private"] is True
    assert repo["commits"] == ["Upload trial 0 by Heretic Web"]
    manifest = (export_folder(ready.pk).final / "manifest.json").read_bytes()
    assert repo["files"] == FILES | {"manifest.json": manifest}
    assert job.result["url"].endswith(f"/someone/model/commit/{'c' * 40}")


def test_a_public_repository_is_made_only_where_that_is_said(hub, ready):
    assert uploaded(ready, is_private=False).status == "done"
    assert hub.repositories["someone/model"]["private"] is False

    job = uploaded(ready)
    assert (job.status, job.error_code) == ("failed", "hub_repository_public")
    assert len(hub.repositories["someone/model"]["commits"]) == 1


def test_the_token_of_the_workers_environment_serves_where_none_is_typed(hub, ready, monkeypatch):
    assert uploaded(ready, token="").error_code == "hub_token_refused"

    monkeypatch.setattr("studies.runner.uploads.get_token", lambda: "hf_good")
    assert uploaded(ready, token="").status == "done"


@pytest.mark.parametrize(
    ("pattern", "status", "code", "words"),
    [
        ("create", 401, "hub_token_refused", "does not accept the token"),
        ("create", 403, "hub_forbidden", "may not write to someone/model"),
        ("commit", 403, "hub_forbidden", "may not write to someone/model"),
        ("create", 429, "hub_rate_limited", "no more requests"),
        ("create", None, "hub_unreachable", "cannot be reached"),
        ("validate", 400, "hub_upload_failed", "Invalid metadata"),
    ],
)
def test_a_failure_is_said_in_words_and_nothing_is_committed(
    hub, ready, pattern, status, code, words
):
    hub.fail(pattern, status)

    job = uploaded(ready)

    assert (job.status, job.error_code) == ("failed", code)
    assert words in job.error
    assert all(not repo["commits"] for repo in hub.repositories.values())


def test_what_may_pass_is_tried_three_times(hub, ready):
    hub.fail("commit", 503, times=2)
    assert uploaded(ready).status == "done"
    assert hub.count("/commit/") == 3
    assert hub.count("/objects/[0-9a-f]{64}") == 1, "a file that has arrived is sent again"

    hub.fail("commit", None, times=3)
    job = uploaded(ready)
    assert job.error_code == "hub_unreachable"
    assert hub.count("/commit/") == 6


def test_a_refused_token_is_not_tried_again(hub, ready):
    assert uploaded(ready, token="hf_other").error_code == "hub_token_refused"
    assert hub.count("create") == 1


def test_a_canceled_upload_commits_nothing(hub, ready, monkeypatch):
    monkeypatch.setattr(ports, "STOP_PAUSE", 0)
    upload = asked(ready)
    original = hub_upload.HfApi.preupload_lfs_files

    def canceled(self, *args, **kwargs):
        commands.job_cancel(Job.objects.select_related("study").get(pk=upload.job_id))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(hub_upload.HfApi, "preupload_lfs_files", canceled)

    assert work().status == "canceled"
    assert hub.repositories["someone/model"]["commits"] == []


@pytest.mark.parametrize("fault", [None, ("create", 401), ("create", 500), ("validate", 400)])
def test_no_row_no_log_and_no_file_ever_holds_a_typed_token(hub, ready, fault, logged, settings):
    hub.tokens.add(CANARY)
    if fault:
        hub.fail(*fault)

    upload = asked(ready, token=CANARY)
    assert upload.sealed_token
    assert CANARY not in database_text()
    work()

    assert CANARY not in database_text()
    assert CANARY not in logged()
    assert Upload.objects.get().sealed_token == ""
    for file in settings.EXPORT_DIR.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes()


def test_a_token_is_forgotten_when_its_upload_is_canceled(hub, ready):
    upload = asked(ready)

    commands.job_cancel(Job.objects.select_related("study").get(pk=upload.job_id))

    assert Upload.objects.get().sealed_token == ""


def test_a_token_that_waited_too_long_is_forgotten_and_cannot_be_opened(hub, ready, monkeypatch):
    upload = asked(ready)
    assert tokens_forget() == 0
    kept = Upload.objects.get().sealed_token
    Upload.objects.update(created_at=timezone.now() - timedelta(minutes=31))
    assert tokens_forget() == 1
    # A copy of the row, as from a backup, opens no more either.
    Upload.objects.filter(pk=upload.pk).update(sealed_token=kept)
    now = timezone.now().timestamp()
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: now + 31 * 60)

    job = work()

    assert (job.status, job.error_code) == ("failed", "hub_token_gone")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"repo_id": "no-owner"}, "repo_id"),
        ({"repo_id": "a/b/c"}, "repo_id"),
        ({"repo_id": "../x"}, "repo_id"),
        ({"token": "two words"}, "token"),
        ({"token": "ä"}, "token"),
        ({"message": "a\nb"}, "message"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_queued(ready, fields, place):
    with pytest.raises(InvalidInputError) as caught:
        asked(ready, **fields)

    assert [problem.place for problem in caught.value.problems] == [place]
    assert not Job.objects.filter(kind="upload").exists()


def test_an_export_is_not_deleted_or_sent_twice_while_it_is_uploaded(hub, ready):
    asked(ready)

    with pytest.raises(StatusConflictError):
        commands.export_delete(ready)
    with pytest.raises(StatusConflictError):
        asked(ready)


def test_the_api_queues_an_upload_and_never_tells_the_token(api, hub, ready):
    caller = api(ready.study.owner)
    body = {"repo_id": "someone/model", "token": CANARY}

    answer = caller.post(f"exports/{ready.pk}/upload", body)

    assert answer.status_code == 202, answer.content
    assert answer.json()["private"] is True
    assert answer.json()["has_own_token"] is True
    listed = caller.get(f"exports/{ready.pk}/uploads")
    assert [row["id"] for row in listed.json()] == [answer.json()["id"]]
    refused = caller.post(f"exports/{ready.pk}/upload", body | {"token": f"{CANARY} {CANARY}"})
    assert refused.status_code == 422
    for one in (answer, listed, refused, caller.get("jobs")):
        assert CANARY not in one.content.decode()
