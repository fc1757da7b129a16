"""The model card of an export: read, previewed, edited, and always what the manifest says."""

import hashlib
import json
from uuid import uuid4

import pytest

from studies.cards import card_settle
from studies.exporting import export_folder
from studies.models import Export

CARD = b"---\nlicense: mit\n---\n# Hello\n"


@pytest.fixture
def ready(make_study, make_trial, make_export):
    study = make_study(status="completed")
    return make_export(make_trial(study), files={"README.md": CARD, "config.json": b"{}"})


def truthful(export):
    """Whether row, manifest on the disk and file tell the same."""
    export = Export.objects.get(pk=export.pk)
    folder = export_folder(export.pk).final
    data = (folder / "README.md").read_bytes()
    entries = [row for row in export.manifest["files"] if row["path"] == "README.md"]
    digest = hashlib.sha256(data).hexdigest()
    assert entries == [{"path": "README.md", "size": len(data), "sha256": digest}]
    assert json.loads((folder / "manifest.json").read_text()) == export.manifest
    assert export.size == sum(row["size"] for row in export.manifest["files"])
    return data.decode()


def test_a_card_is_read_and_replaced_by_the_api(api, ready):
    caller = api(ready.study.owner)
    assert caller.get(f"exports/{ready.pk}/card").json()["text"] == CARD.decode()

    answer = caller.post(f"exports/{ready.pk}/card", {"text": "# New\r\nä"}, method="put")

    assert answer.status_code == 200
    assert truthful(ready) == answer.json()["text"] == "# New\nä"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("---\na: [\n---\n", "no YAML"),
        ("\x07", "control character"),
        ("x" * 200_001, "longer than"),
    ],
)
def test_a_card_that_cannot_be_stored_is_refused(api, ready, text, word):
    answer = api(ready.study.owner).post(f"exports/{ready.pk}/card", {"text": text}, method="put")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == "text"
    assert word in answer.json()["detail"]
    assert (export_folder(ready.pk).final / "README.md").read_bytes() == CARD


def test_an_unfinished_export_has_no_card(api, make_study, make_trial, make_export):
    export = make_export(make_trial(make_study()), ready=False)
    caller = api(export.study.owner)

    assert caller.get(f"exports/{export.pk}/card").status_code == 404
    answer = caller.post(f"exports/{export.pk}/card", {"text": "x"}, method="put")
    assert answer.status_code == 409


def test_an_export_that_was_written_without_a_card_gets_one(
    api, make_study, make_trial, make_export
):
    export = make_export(make_trial(make_study(status="completed")))

    text = api(export.study.owner).get(f"exports/{export.pk}/card").json()["text"]
    assert "| KeywordRate | 1/2 | 0.1 to 0.9 |" in text
    card_settle(export)
    assert truthful(export) == text


def test_a_card_that_a_killed_process_left_is_told_of(ready):
    (export_folder(ready.pk).final / "README.md").write_text("# Cut")

    card_settle(ready)

    assert truthful(ready) == "# Cut"


def test_the_page_previews_without_saving_and_runs_nothing(client, ready):
    client.force_login(ready.study.owner)
    typed = "# Hi\n<script>alert(1)</script> [x](javascript:alert) ![y](https://e.org/y.png)"

    page = client.post(f"/exports/{ready.pk}/", {"text": typed, "action": "preview"})

    html = page.content.decode()
    assert "<h1>Hi</h1>" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html
    assert 'href="javascript' not in html
    assert 'src="https://e.org' not in html
    assert truthful_bytes(ready) == CARD

    answer = client.post(f"/exports/{ready.pk}/", {"text": typed, "action": "save"})
    assert answer.status_code == 302
    assert truthful(ready) == typed


def truthful_bytes(export):
    return (export_folder(export.pk).final / "README.md").read_bytes()


def test_a_refused_card_stays_in_the_form(client, ready):
    client.force_login(ready.study.owner)

    page = client.post(f"/exports/{ready.pk}/", {"text": "---\na: [\n", "action": "save"})

    assert page.status_code == 422
    assert "no second ---" in page.content.decode()


def test_strangers_find_no_card_and_viewers_change_none(api, client, ready, make_user):
    stranger, viewer = make_user(), make_user(may=(), is_staff=True)
    for user, status in ((stranger, 404), (viewer, 403)):
        client.force_login(user)
        assert client.post(f"/exports/{ready.pk}/", {"text": "x"}).status_code == status
    assert api(stranger).get(f"exports/{ready.pk}/card").status_code == 404
    assert client.get(f"/exports/{uuid4()}/").status_code == 404
    assert client.get(f"/exports/{ready.pk}/").status_code == 200
