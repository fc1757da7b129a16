"""Exports by the API: asked for, followed, downloaded in parts, removed."""

import hashlib
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from studies.downloads import NotSatisfiableError, Span, span_of
from studies.exporting import export_folder
from studies.models import Export, Job

DATA = bytes(range(256)) * 5000  # more than one block


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def ready(make_study, make_trial, make_export):
    study = make_study(status="completed")
    return make_export(make_trial(study), files={"model.safetensors": DATA, "a/b.jinja": b"x"})


def download(user, export, path="model.safetensors", api=None, **headers):
    secret = api(user).headers["Authorization"]
    return AsyncClient().get(
        f"/api/v1/exports/{export.pk}/files/{path}", headers={"Authorization": secret, **headers}
    )


async def body_of(response):
    return b"".join([block async for block in response.streaming_content])


def test_an_export_is_queued_and_shows_its_job(api, make_study, make_trial):
    study = make_study(status="completed")
    make_trial(study, 3)
    caller = api(study.owner)

    response = caller.post(f"studies/{study.pk}/trials/3/exports", {"strategy": "merge"})

    answer = response.json()
    assert (response.status_code, answer["status"], answer["trial"]) == (202, "queued", 3)
    assert answer["options"] == {
        "strategy": "merge",
        "dtype": "auto",
        "rank": 8,
        "max_shard_gb": 5.0,
    }
    job = Job.objects.get(pk=answer["job"]["id"])
    assert (job.kind, job.payload) == ("export", {"trial": 3, "strategy": "merge"})
    assert caller.get(f"exports/{answer['id']}").json() == answer
    assert caller.get(f"studies/{study.pk}/trials/3/exports").json() == [answer]
    assert caller.get("jobs").json()["items"][0]["trial"] == 3


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "strategy"),
        ({"strategy": "zip"}, "strategy"),
        ({"strategy": "merge", "dtype": "int8"}, "dtype"),
        ({"strategy": "adapter", "rank": 0}, "rank"),
        ({"strategy": "adapter", "rank": "8"}, "rank"),
        ({"strategy": "merge", "max_shard_gb": 1000}, "max_shard_gb"),
        ({"strategy": "merge", "folder": "/etc"}, "folder"),
    ],
)
def test_options_are_refused_at_their_place(api, make_study, make_trial, body, place):
    study = make_study()
    make_trial(study)

    response = api(study.owner).post(f"studies/{study.pk}/trials/0/exports", body)

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == [place]
    assert not Export.objects.exists()


def test_a_strategy_without_its_converter_is_refused_with_the_reason(
    api, make_study, make_trial, settings
):
    settings.GGUF_CONVERTER = "no-such-converter"
    study = make_study()
    make_trial(study)

    response = api(study.owner).post(f"studies/{study.pk}/trials/0/exports", {"strategy": "gguf"})

    assert response.status_code == 422
    assert "HERETIC_GGUF_CONVERTER" in response.json()["detail"]


def test_a_failed_trial_and_one_that_is_not_there(api, make_study, make_trial):
    study = make_study()
    make_trial(study, 0, state="failed")
    caller = api(study.owner)

    first = caller.post(f"studies/{study.pk}/trials/0/exports", {"strategy": "merge"})
    second = caller.post(f"studies/{study.pk}/trials/9/exports", {"strategy": "merge"})

    assert (first.status_code, second.status_code) == (422, 404)


def test_a_finished_export_shows_its_manifest(api, ready):
    answer = api(ready.study.owner).get(f"exports/{ready.pk}").json()

    assert answer["status"] == "ready"
    files = {row["path"]: row["sha256"] for row in answer["manifest"]["files"]}
    assert files["model.safetensors"] == hashlib.sha256(DATA).hexdigest()


@pytest.mark.django_db(transaction=True)
async def test_a_file_comes_whole_as_a_download_that_no_browser_interprets(api, ready):
    response = await (await sync_to_async(download)(ready.study.owner, ready, api=api))

    assert response.status_code == 200
    assert await body_of(response) == DATA
    assert response["Content-Disposition"] == 'attachment; filename="model.safetensors"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/octet-stream"
    assert (response["Accept-Ranges"], response["Content-Length"]) == ("bytes", str(len(DATA)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-", 5, len(DATA) - 1),
        ("bytes=-7", len(DATA) - 7, len(DATA) - 1),
        ("bytes=10-99999999", 10, len(DATA) - 1),
        (f"bytes={2**20 - 1}-{2**20 + 1}", 2**20 - 1, 2**20 + 1),
    ],
)
async def test_a_part_is_sent_from_any_byte_on(api, ready, header, first, last):
    call = sync_to_async(download)
    response = await (await call(ready.study.owner, ready, api=api, Range=header))

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert await body_of(response) == DATA[first : last + 1]


@pytest.mark.django_db(transaction=True)
async def test_a_part_of_another_version_is_sent_whole_and_one_beyond_the_end_is_refused(
    api, ready
):
    call, owner = sync_to_async(download), ready.study.owner
    other = await (await call(owner, ready, api=api, **{"Range": "bytes=5-", "If-Range": '"old"'}))
    beyond = await (await call(owner, ready, api=api, Range=f"bytes={len(DATA)}-"))

    assert (other.status_code, await body_of(other)) == (200, DATA)
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(DATA)}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        "manifest.json",
        "../../db.sqlite3",
        "..%2f..%2fdb.sqlite3",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "a/../model.safetensors",
        "model.safetensors%00.txt",
        "MODEL.safetensors",
        "a",
        ".",
    ],
)
async def test_no_path_leads_to_another_file(api, ready, path):
    await sync_to_async((export_folder(ready.pk).final / "manifest.json").write_text)("{}")

    response = await (await sync_to_async(download)(ready.study.owner, ready, path, api))

    assert response.status_code in (404, 422)


@pytest.mark.django_db(transaction=True)
async def test_a_file_that_was_replaced_by_a_link_or_cut_off_is_not_sent(api, ready, tmp_path):
    file = export_folder(ready.pk).final / "model.safetensors"
    file.unlink()
    (tmp_path / "secret").write_bytes(DATA)
    file.symlink_to(tmp_path / "secret")
    call = sync_to_async(download)
    linked = await (await call(ready.study.owner, ready, api=api))
    file.unlink()
    file.write_bytes(DATA[:-1])
    cut = await (await call(ready.study.owner, ready, api=api))

    assert (linked.status_code, cut.status_code) == (404, 404)


def test_an_export_that_is_not_ready_has_no_files(api, make_study, make_trial, make_export):
    export = make_export(make_trial(make_study()), ready=False)

    caller = api(export.study.owner)

    assert caller.get(f"exports/{export.pk}").json()["manifest"] is None
    assert caller.get(f"exports/{export.pk}/files/config.json").status_code == 404
    assert caller.post(f"exports/{export.pk}/reproduce").status_code == 409
    assert caller.post(f"exports/{export.pk}", method="delete").status_code == 409


def test_a_deleted_export_is_gone_with_its_files(api, ready):
    caller = api(ready.study.owner)

    assert caller.post(f"exports/{ready.pk}", method="delete").status_code == 204
    assert caller.get(f"exports/{ready.pk}").status_code == 404
    assert not export_folder(ready.pk).final.exists()


def test_an_unknown_export_is_404(api, make_user):
    assert api(make_user()).get(f"exports/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-9", Span(0, 9)),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=٠-١", None),
        ("bytes=-500", Span(0, 99)),
        ("bytes=99-", Span(99, 99)),
    ],
)
def test_only_one_range_of_bytes_counts(header, span):
    assert span_of(header, 100) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_a_range_without_a_byte_of_the_file_cannot_be_served(header, size):
    with pytest.raises(NotSatisfiableError):
        span_of(header, size)
