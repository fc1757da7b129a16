"""Presets and overrides as scripts write them."""

import pytest
from django.contrib.auth.models import Permission

from studies.history import version_read, versions_of
from studies.models import ModelOverride, Profile

PRESET = {
    "slug": "mine",
    "name": "Mine",
    "parameters": {"max_weight": {"mlp.down_proj": {"low": 0, "high": 0.5}}},
    "settings": {"n_trials": 5},
    "overrides": {"google/*": {"parameters": {"direction_scope": "global"}}},
}
OVERRIDE = {"pattern": "google/*", "parameter": "max_weight", "value": 1}


@pytest.fixture
def editor(api, make_user):
    return api(make_user("editor", is_superuser=True))


def permitted(user, *codenames):
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_a_preset_is_created_read_changed_copied_and_deleted(editor, make_profile):
    make_profile("base")
    created = editor.post("profiles", PRESET | {"parent": "base"})

    assert created.status_code == 201
    assert created.json() == editor.get("profiles/mine").json()
    assert created.json().items() >= PRESET.items()

    changed = editor.post("profiles/mine", {"name": "Other", "settings": {}}, method="patch")
    assert (changed.status_code, changed.json()["settings"]) == (200, {})
    assert changed.json()["parameters"] == PRESET["parameters"]

    copy = editor.post("profiles/mine/duplicate", {"name": "Third"})
    assert (copy.status_code, copy.json()["slug"]) == (201, "mine-copy")
    assert copy.json()["overrides"] == PRESET["overrides"]

    assert editor.post("profiles/mine", method="delete").status_code == 204
    assert editor.get("profiles/mine").status_code == 404


def test_a_change_is_kept_with_who_made_it(editor):
    editor.post("profiles", PRESET)
    editor.post("profiles/mine", {"parameters": {}}, method="patch")

    newest = version_read(versions_of(Profile.objects.get(slug="mine"))[0])
    assert (newest.user, newest.contents.parameters) == ("editor", {})


def test_a_preset_that_is_not_offered_any_more_can_be_offered_again(editor):
    editor.post("profiles", PRESET | {"is_active": False})

    assert editor.post("profiles/mine", {"is_active": True}, method="patch").status_code == 200
    assert editor.get("profiles/mine").json()["is_active"]


def test_a_preset_in_use_is_not_deleted_and_the_answer_says_by_what(editor, make_study):
    study = make_study(name="Uses it")

    response = editor.post(f"profiles/{study.profile.slug}", method="delete")

    assert response.status_code == 409
    assert response.json()["type"] == "urn:heretic-web:preset_in_use"
    assert "Uses it" in response.json()["detail"]
    assert "Deactivate it" in response.json()["detail"]


def test_an_override_is_created_read_changed_and_deleted(editor):
    created = editor.post("overrides", OVERRIDE)
    assert created.status_code == 201
    path = f"overrides/{created.json()['id']}"

    changed = editor.post(path, {"value": {"low": 0, "high": 1}}, method="patch")
    assert changed.json() == created.json() | {"value": {"low": 0, "high": 1}}
    assert editor.get("overrides").json() == {"items": [changed.json()], "count": 1}
    assert editor.post(path, method="delete").status_code == 204
    assert editor.get(path).status_code == 404


def test_the_override_of_a_preset_is_part_of_the_preset_only(editor):
    editor.post("profiles", PRESET)
    row = ModelOverride.objects.get()

    assert editor.get("overrides").json()["count"] == 0
    assert editor.post(f"overrides/{row.pk}", method="delete").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "permission"),
    [
        ("post", "profiles", PRESET, "add_profile"),
        ("patch", "profiles/refusals", {"name": "X"}, "change_profile"),
        ("delete", "profiles/refusals", None, "delete_profile"),
        ("post", "profiles/refusals/duplicate", {}, "add_profile"),
        ("post", "overrides", OVERRIDE, "add_modeloverride"),
        ("patch", "overrides/{id}", {"value": 2}, "change_modeloverride"),
        ("delete", "overrides/{id}", None, "delete_modeloverride"),
    ],
)
def test_whoever_may_not_is_told_which_permission_is_missing(
    api, make_user, make_profile, method, path, body, permission
):
    make_profile()
    row = ModelOverride(pattern="other/*", parameter="max_weight")
    row.raw = 1
    row.save()
    path = path.format(id=row.pk)
    every = [p for p in Permission.objects.values_list("codename", flat=True) if p != permission]
    barred = permitted(make_user(), *every)

    refused = api(barred).post(path, body, method=method)

    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:heretic-web:permission_missing"
    assert f"studies.{permission}" in refused.json()["detail"]
    assert Profile.objects.get().name == "Refusals"
    assert ModelOverride.objects.get().constant == 1
    allowed = api(permitted(make_user(), permission)).post(path, body, method=method)
    assert allowed.status_code in (200, 201, 204)


@pytest.mark.parametrize("path", ["profiles", "overrides"])
@pytest.mark.parametrize(
    ("body", "place"), [([], "body"), ("null", "body"), ("{", "body"), ({"speed": 1}, "speed")]
)
def test_a_body_of_another_shape_is_refused(editor, path, body, place):
    response = editor.post(path, body)

    assert response.status_code in (400, 422)
    assert place in [error["place"] for error in response.json()["errors"]]


def test_all_faults_of_a_preset_come_at_once(editor):
    body = PRESET | {"name": "", "settings": {"n_trials": 0}, "parameters": {"max_weight": "x"}}

    response = editor.post("profiles", body)

    places = [error["place"] for error in response.json()["errors"]]
    assert places == ["name", "parameters.max_weight", "settings.n_trials"]
    assert not Profile.objects.exists()


def test_resolving_shows_every_layer_of_a_family_of_presets_and_its_overrides(editor):
    fraction = "direction_fraction"
    own = [
        ("old", None, {"low": 0.1, "high": 0.9}, {}),
        ("middle", "old", {"low": 0.2, "high": 0.9}, {"google/*": 0.5}),
        ("young", "middle", {"low": 0.3, "high": 0.9}, {"google/gemma-*": [0.25, 0.75]}),
    ]
    for slug, parent, value, patterns in own:
        overrides = {p: {"parameters": {fraction: one}} for p, one in patterns.items()}
        document = {"slug": slug, "name": slug.title(), "parent": parent, "overrides": overrides}
        created = editor.post("profiles", document | {"parameters": {fraction: value}})
        assert created.status_code == 201
    editor.post("overrides", {"pattern": "*/gemma-3-4b", "parameter": fraction, "value": 0.4})

    def resolved(model, **body):
        answer = editor.post("profiles/young/resolve", {"model": model, "n_layers": 9} | body)
        return next(row for row in answer.json()["parameters"] if row["name"] == fraction)

    row = resolved("google/gemma-3-4b")
    assert (row["source"], row["value"]) == ("override of Young: google/gemma-*", [0.25, 0.75])
    assert (row["layers"], row["sampled"]) == ([2.0, 6.0], True)
    assert [(link["source"], link["value"]) for link in row["chain"]] == [
        ("default", {"low": 0.4, "high": 0.9}),
        ("Old", {"low": 0.1, "high": 0.9}),
        ("Middle", {"low": 0.2, "high": 0.9}),
        ("Young", {"low": 0.3, "high": 0.9}),
        ("model override: */gemma-3-4b", 0.4),
        ("override of Middle: google/*", 0.5),
    ]
    row = resolved("google/palm", parameters={fraction: 1})
    assert (row["source"], row["layers"], row["sampled"]) == ("this study", 8.0, False)
    assert [link["source"] for link in row["chain"]][-1] == "override of Middle: google/*"
    assert resolved("qwen/qwen3")["source"] == "Young"
