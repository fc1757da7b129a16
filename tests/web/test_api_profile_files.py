"""Parameter files over the API."""

import pytest

from studies.api.parsing import MAX_BYTES
from studies.models import Profile

TOML = "application/toml"
TEXT = """\
slug = "mine"
name = "Mine"
method = "directional"
parent = "refusals"

n_trials = 50

[parameters.max_weight]
# Attention matters most.
"attn.o_proj" = {low = 1.0, high = 2}
"""
ORDERED = TEXT.replace(
    'method = "directional"\nparent = "refusals"', 'parent = "refusals"\nmethod = "directional"'
)


@pytest.fixture
def caller(api, make_user, make_profile):
    make_profile()
    return api(make_user(may=["studies.add_profile", "studies.change_profile"]))


def send(caller, text, query="", content_type=TOML):
    return caller.post(f"profiles/import{query}", text, content_type=content_type)


def places(response):
    return [error["place"] for error in response.json()["errors"]]


def test_a_file_is_imported_and_can_be_downloaded_again(caller):
    made = send(caller, TEXT)

    assert made.status_code == 201
    answer = made.json()
    assert answer["notes"] == []
    assert answer["profile"]["slug"] == "mine"
    assert answer["profile"]["parameters"] == {
        "max_weight": {"attn.o_proj": {"low": 1.0, "high": 2}}
    }

    file = caller.get("profiles/mine/toml")
    assert file.status_code == 200
    assert file.content.decode() == ORDERED
    assert file["Content-Type"] == TOML
    assert file["Content-Disposition"] == 'attachment; filename="mine.toml"'


def test_a_configuration_of_heretic_is_imported_with_notes(caller):
    made = send(caller, 'quantization = "bnb_4bit"\nmodel = "a/b"', "?name=From%20Heretic")

    assert made.status_code == 201
    assert made.json()["profile"]["slug"] == "from-heretic"
    notes = {note["place"]: note["message"] for note in made.json()["notes"]}
    assert {"slug", "quantization", "good_prompts"} <= notes.keys()


def test_the_table_for_heretic_can_be_downloaded(caller):
    send(caller, TEXT)

    text = caller.get("profiles/mine/toml", dialect="heretic", model="a/b").content.decode()

    assert text.startswith("[parameters]\n")
    assert '"attn.o_proj" = {low = 1.0, high = 2}\n' in text
    assert caller.get("profiles/mine/toml", dialect="other").status_code == 422


def test_a_taken_slug_is_refused_unless_it_is_to_be_replaced(caller):
    send(caller, TEXT)

    again = send(caller, TEXT)
    assert (again.status_code, places(again)) == (422, ["slug"])
    assert send(caller, TEXT, "?replace=true").status_code == 201


@pytest.mark.parametrize(
    ("text", "status", "place"),
    [
        ("n_trials =", 422, "line 1"),
        ("[parameters.max_weight]\n\"attn.o_proj\" = { low = 'a', high = 1 }", 422, 'parameters.max_weight["attn.o_proj"].low'),
        (b"\xff\xfe", 422, "file"),
        ("#" * (MAX_BYTES + 1), 413, "body"),
        ("[[[[" * 10_000, 422, "line 1"),
    ],
    ids=["syntax", "value", "not UTF-8", "too large", "too deep"],
)  # fmt: skip
def test_what_cannot_be_imported_is_a_problem_with_its_place(caller, text, status, place):
    response = send(caller, text)

    assert (response.status_code, places(response)) == (status, [place])
    assert response["Content-Type"] == "application/problem+json"
    assert Profile.objects.count() == 1


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_another_content_type_is_refused(caller, content_type):
    response = send(caller, TEXT, content_type=content_type)

    assert (response.status_code, places(response)) == (415, ["Content-Type"])


def test_files_are_for_those_who_are_known(api, db):
    assert send(api(), TEXT).status_code == 401
    assert api().get("profiles/mine/toml").status_code == 401


def test_a_preset_that_is_not_offered_has_no_file(caller, make_profile):
    make_profile("gone", name="Gone", is_active=False)

    assert caller.get("profiles/gone/toml").status_code == 404
    assert caller.get("profiles/nothing/toml").status_code == 404
