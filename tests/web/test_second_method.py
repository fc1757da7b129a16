"""Admin, pages and API with a second method, whose parameters and settings are its own."""

import json
import re

import pytest

from studies.models import Profile
from tests.web.admin_forms import errors_of, new_rows, posted

ADD = "/admin/studies/profile/add/"
COUNT = {"parameter": "neighbor_count", "kind": "integer", "low": "2", "high": "8"}


@pytest.fixture
def add(admin_client):
    """Return a function that adds a preset for the method, with these rows."""

    def save(*rows):
        basics = {"name": "Rank", "slug": "rank", "method": "arbitrary_rank"}
        changes = basics | new_rows("specs", *rows)
        return admin_client.post(ADD, posted(admin_client, ADD) | changes)

    return save


def test_a_preset_for_it_is_made_in_the_admin(add, admin_client):
    assert add(COUNT).status_code == 302

    preset = Profile.objects.get(slug="rank")
    assert preset.method == "arbitrary_rank"
    response = admin_client.get(f"/admin/studies/profile/{preset.pk}/change/")
    rows = {row["name"]: row for row in response.context["resolved_parameters"]}
    assert rows["neighbor_count"]["value"] == {"low": 2, "high": 8, "integer": True}
    assert rows["neighbor_count"]["source"] == "Rank"
    assert rows["overcorrect_weight"]["source"] == "default"
    fields = response.context["adminform"].form.fields
    assert "setting_untouched_layers" in fields
    assert "setting_row_normalization" not in fields


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (COUNT | {"kind": "float"}, "low", "whole numbers"),
        (COUNT | {"low": "0"}, "low", "1"),
        (COUNT | {"kind": "constant", "constant": "2.5"}, "constant", "whole"),
        (COUNT | {"component": "attn.o_proj"}, "component", "one value"),
    ],
)
def test_a_bad_value_of_its_has_its_error_on_the_field_that_is_wrong(add, row, field, words):
    errors = errors_of(add(row))

    assert list(errors) == [f"specs-0-{field}"]
    assert words in errors[f"specs-0-{field}"][0]


def test_the_page_for_new_studies_offers_its_parameters_and_settings(
    client, make_user, make_profile
):
    make_profile("rank", method="arbitrary_rank")
    client.force_login(make_user())

    html = client.get("/studies/new").content.decode()

    data = json.loads(re.search(r'id="page-data"[^>]*>(.*?)</script>', html, re.S)[1])
    method = data["methods"][data["profiles"][0]["method"]]
    units = {parameter["name"]: parameter["unit"] for parameter in method["parameters"]}
    assert units["neighbor_count"] == "whole number"
    assert units["start_layer_fraction"] == "fraction of layers"
    assert "row_normalization" not in {setting["name"] for setting in method["settings"]}


def test_the_api_resolves_it(api, make_user, make_profile):
    make_profile("rank", method="arbitrary_rank")

    answer = api(make_user()).post("profiles/rank/resolve", {"n_layers": 9}).json()

    rows = {row["name"]: row for row in answer["parameters"]}
    assert rows["end_layer_fraction"]["layers"] == {"low": 4.8, "high": 8.0}
    assert rows["steer_bad_weight"]["value"] == {"low": 0.01, "high": 1.0, "log": True}
