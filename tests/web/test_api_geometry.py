"""Residual geometry by the API: asked for, read, downloaded; the rows are written by hand."""

import csv
import io

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from studies.engine.geometry_columns import COLUMNS
from studies.models import FrozenPrompts, Job
from studies.tokens import token_create


@pytest.fixture(autouse=True)
def no_bell(monkeypatch):
    monkeypatch.setattr("studies.tasks.look_for_work", lambda: None)


@pytest.fixture
def study(make_study):
    return make_study(status="completed")


def test_before_anything_is_measured_there_is_nothing_and_no_error(api, study):
    caller = api(study.owner)

    answer = caller.get(f"studies/{study.pk}/geometry").json()

    assert (answer["status"], answer["job"], answer["layers"]) == ("none", None, [])
    assert [column["name"] for column in answer["columns"]] == [one.name for one in COLUMNS]
    for end in ("projection", "animation.gif"):
        assert caller.get(f"studies/{study.pk}/geometry/{end}").status_code == 404


def test_a_measurement_is_queued_once_and_can_be_canceled(api, study):
    caller = api(study.owner)

    first = caller.post(f"studies/{study.pk}/geometry")
    second = caller.post(f"studies/{study.pk}/geometry")

    assert (first.status_code, first.json()["status"]) == (202, "queued")
    assert second.status_code == 409
    job = Job.objects.get()
    assert (job.kind, first.json()["job"]["id"]) == ("geometry", str(job.pk))
    assert caller.post(f"jobs/{job.pk}/cancel").status_code == 202
    assert caller.get(f"studies/{study.pk}/geometry").json()["status"] == "canceled"
    assert caller.post(f"studies/{study.pk}/geometry").status_code == 202


def test_what_was_measured_is_read(api, study, make_geometry):
    make_geometry(study)

    answer = api(study.owner).get(f"studies/{study.pk}/geometry").json()

    assert (answer["status"], answer["has_projection"]) == ("ready", True)
    assert answer["samples"]["bad"] == {"count": 2, "total": 2}
    assert len(answer["layers"]) == 4
    assert answer["layers"][0]["auc"] is None
    assert answer["layers"][2]["cos_good_bad"] == 0.2


def test_a_projection_comes_with_its_prompts_cut_to_a_length(api, study, make_geometry):
    make_geometry(study, texts=("x" * 301, "<b>second</b>"))

    answer = api(study.owner).get(f"studies/{study.pk}/geometry/projection").json()

    assert [one["group"] for one in answer["prompts"]] == ["good", "good", "bad", "bad"]
    assert answer["prompts"][0]["text"] == "x" * 299 + "…"
    assert answer["prompts"][3]["text"] == "<b>second</b>"
    assert answer["points"][2] == [[0, 20], [100, 20], [200, 20], [300, 20]]


def test_the_animation_is_a_download(api, study, make_geometry):
    make_geometry(study)

    answer = api(study.owner).get(f"studies/{study.pk}/geometry/animation.gif")

    assert answer.content == b"GIF89a of layers"
    assert answer["Content-Type"] == "image/gif"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'attachment; filename="geometry-{study.pk}.gif"'


@pytest.mark.django_db(transaction=True)
async def test_the_table_is_a_download_with_empty_cells_where_there_is_no_value(
    study, make_geometry
):
    await sync_to_async(make_geometry)(study)
    _, secret = await sync_to_async(token_create)(study.owner, "test")
    address = f"/api/v1/studies/{study.pk}/geometry.csv"
    headers = {"Authorization": f"Bearer {secret}"}

    answer = await AsyncClient().get(address, headers=headers)

    text = b"".join([part async for part in answer.streaming_content]).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == ["layer_index", *(column.name for column in COLUMNS)]
    assert [row["layer_index"] for row in rows] == ["0", "1", "2", "3"]
    assert (rows[0]["d_prime"], rows[2]["cos_good_bad"]) == ("", "0.2")


def test_a_stranger_finds_nothing_and_starts_nothing(api, study, make_user, make_geometry):
    make_geometry(study)
    stranger = api(make_user())

    for end in ("geometry", "geometry.csv", "geometry/projection", "geometry/animation.gif"):
        assert stranger.get(f"studies/{study.pk}/{end}").status_code == 404, end
    assert stranger.post(f"studies/{study.pk}/geometry").status_code == 404
    assert Job.objects.count() == 1


def test_reading_the_table_loads_neither_pictures_nor_prompts(
    api, study, make_geometry, django_assert_max_num_queries
):
    make_geometry(study)
    caller = api(study.owner)

    with django_assert_max_num_queries(6) as queries:
        caller.get(f"studies/{study.pk}/geometry")

    assert FrozenPrompts._meta.db_table not in str(queries.captured_queries)
    assert '"animation"' not in str(queries.captured_queries)
    assert '"points"' not in str(queries.captured_queries)
