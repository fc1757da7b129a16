import pytest

from studies.models import PromptSet

TEXT = {"slug": "mine", "name": "Mine", "source": "text", "text": "one\n\ntwo\n"}


@pytest.fixture
def caller(api, make_user):
    return api(make_user("owner", may=["studies.add_promptset"]))


def test_a_typed_prompt_set_is_created_and_read(caller):
    response = caller.post("prompt-sets", TEXT | {"prefix": "Please: "})

    assert response.status_code == 201
    assert caller.get("prompt-sets/mine").json() == response.json()
    assert response.json()["text"] == TEXT["text"]
    assert PromptSet.objects.get().owner.username == "owner"


def test_the_list_is_light(caller):
    caller.post("prompt-sets", TEXT)

    [row] = caller.get("prompt-sets").json()["items"]

    assert row["slug"] == "mine"
    assert "text" not in row


def test_a_file_of_a_prompt_folder_is_taken(caller, settings, tmp_path):
    settings.PROMPT_ROOTS = [tmp_path]
    (tmp_path / "list.txt").write_text("one\ntwo\n")

    response = caller.post(
        "prompt-sets", {"slug": "f", "name": "F", "source": "file", "path": "list.txt"}
    )

    assert response.status_code == 201


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/passwd", "", "nothing.txt", "~/x"])
def test_a_file_outside_the_prompt_folders_is_refused(caller, settings, tmp_path, path):
    settings.PROMPT_ROOTS = [tmp_path / "root"]
    (tmp_path / "root").mkdir()
    (tmp_path / "outside.txt").write_text("secret\n")

    response = caller.post(
        "prompt-sets", {"slug": "f", "name": "F", "source": "file", "path": path}
    )

    assert response.status_code == 422
    assert "secret" not in response.content.decode()
    assert not PromptSet.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"slug": "No Slug"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"name": ""}, "name"),
        ({"source": "url"}, "source"),
        ({"text": ["one"]}, "text"),
        ({"owner": 1}, "owner"),
        ({"source": "dataset", "text": ""}, "dataset"),
        (
            {"source": "dataset", "dataset": "a/b", "column": "text", "split": "train[:400"},
            "split",
        ),
    ],
)
def test_a_wrong_field_is_refused_at_its_place_and_nothing_is_stored(caller, wrong, place):
    response = caller.post("prompt-sets", TEXT | wrong)

    assert response.status_code == 422
    assert place in [e["place"] for e in response.json()["errors"]]
    assert not PromptSet.objects.exists()


def test_an_empty_prompt_set_is_refused(caller):
    response = caller.post("prompt-sets", TEXT | {"text": " \n\n"})

    assert response.status_code == 422
    assert not PromptSet.objects.exists()


def test_a_slug_is_taken_once(caller):
    caller.post("prompt-sets", TEXT)

    response = caller.post("prompt-sets", TEXT | {"name": "Another"})

    assert response.status_code == 422
    assert [e["place"] for e in response.json()["errors"]] == ["slug"]
