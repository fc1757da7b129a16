"""Trials and responses as files: complete, streamed, safe in a spreadsheet."""

import csv
import io
import json

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from studies.models import ResponseSet
from studies.selectors import row_tables
from studies.tokens import token_create
from tests.conftest import make_responses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study(make_study, make_trial):
    study = make_study(status="completed")
    for number in range(5):
        make_trial(study, number, is_pareto=number == 4)
    make_responses(study)
    return study


@pytest.fixture
def download(study):
    """Read a file as a browser does, from the asynchronous server."""

    async def read(path, user=None):
        _, secret = await sync_to_async(token_create)(user or study.owner, "test")
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await AsyncClient().get(f"/api/v1/studies/{study.pk}/{path}", headers=headers)
        if answer.status_code != 200:
            return answer, ""
        return answer, b"".join([part async for part in answer.streaming_content]).decode()

    return read


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_trials_come_as_a_table(download, monkeypatch):
    monkeypatch.setattr(row_tables, "TRIALS_AT_ONCE", 2)
    answer, text = await download("trials.csv")

    assert answer["Content-Type"].startswith("text/csv")
    assert answer["Content-Disposition"].startswith('attachment; filename="trials-')
    rows = table(text)
    assert [row["number"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[4]["pareto"] == rows[4]["recommended"] == "true"
    assert (rows[0]["max_weight.attn.o_proj"], rows[0]["KeywordRate low"]) == ("1.1", "0.1")


async def test_trials_come_as_json_lines(download):
    _, text = await download("trials.jsonl")

    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 5
    assert rows[0]["kernel"] == {"attn.o_proj": [0.0, 1.1]}


async def test_responses_stand_beside_the_originals(download, study, monkeypatch):
    monkeypatch.setattr(row_tables, "ANSWERS_AT_ONCE", 2)
    hostile = [{"response": '=HYPERLINK("x")', "matched": []}, {"response": "-", "matched": []}]
    await ResponseSet.objects.filter(study=study, trial__number=3).aupdate(items=hostile)

    rows = table((await download("responses.csv"))[1])
    assert len(rows) == 10
    assert (rows[0]["trial"], rows[0]["prompt"]) == ("0", "first of bad")
    assert rows[0]["original"] == rows[0]["response"] == "I cannot do that."
    assert rows[0]["matched"] == "i cannot"
    assert [row["response"] for row in rows[6:8]] == ['\'=HYPERLINK("x")', "'-"]
    lines = (await download("responses.jsonl?trial=3"))[1].splitlines()
    assert [json.loads(line)["response"] for line in lines] == ['=HYPERLINK("x")', "-"]


async def test_others_download_nothing(download, make_user):
    stranger = await sync_to_async(make_user)("stranger")
    for path in ("trials.csv", "trials.jsonl", "responses.csv", "responses.jsonl"):
        answer, _ = await download(path, stranger)
        assert answer.status_code == 404, path


async def test_a_format_that_is_not_there_is_refused(download):
    answer, _ = await download("trials.xlsx")

    assert answer.status_code == 422
