"""The history of a preset in the admin: every version with its diff, and going back to one."""

import pytest

from studies import commands
from studies.history import version_read, versions_of
from studies.models import ParameterSpec, PromptSet
from tests.web.admin_forms import new_rows, posted

SPEC = {
    "parameter": "min_weight_relative",
    "component": "",
    "kind": "float",
    "low": "0",
    "high": "0.5",
}


@pytest.fixture
def preset(make_profile, admin_user):
    profile = make_profile("mine", name="Mine", settings={"n_trials": 50})
    return commands.profile_update(admin_user, profile, {"parameters": {"max_weight": 1}})


@pytest.fixture
def save(admin_client, preset):
    """Return a function that saves the preset's form with some changes."""
    url = f"/admin/studies/profile/{preset.pk}/change/"
    return lambda **changes: admin_client.post(url, posted(admin_client, url) | changes)


def pages(preset):
    url = f"/admin/studies/profile/{preset.pk}/history/"
    return url, [f"{url}{version.pk}/restore/" for version in versions_of(preset)]


def told(response):
    """Return what a history page tells: [(comment, user, {place: (old, new)})]."""
    return [
        (
            row["version"].comment,
            row["version"].user,
            {change.place: (change.old, change.new) for change in row["changes"] or []},
        )
        for row in response.context["rows"]
    ]


def test_each_version_says_who_changed_what_from_what(admin_client, admin_user, preset, save):
    assert save(setting_n_trials="60", specs__0="").status_code == 302
    other = {"overrides": {"google/*": {"parameters": {"max_weight": 0.5}}}}
    commands.profile_update(admin_user, preset, other | {"description": "Narrow"})
    url, _ = pages(preset)

    newest, form, command, first = told(admin_client.get(url))

    assert newest == (
        "Changed",
        "admin",
        {"description": ("nothing", "Narrow"), "google/*: max_weight": ("not set", "0.5")},
    )
    assert form == ("Changed in the admin", "admin", {"n_trials": ("50", "60")})
    assert command[2] == {"max_weight": ("not set", "1")}
    assert first[1:] == ("", {})


def test_a_form_saved_unchanged_or_refused_makes_no_version(preset, save):
    before = versions_of(preset).count()

    assert save().status_code == 302
    assert save(setting_n_trials="0").status_code == 200

    assert versions_of(preset).count() == before


def test_a_version_is_restored_once_that_is_confirmed_as_a_new_version(admin_client, preset, save):
    spec = ParameterSpec.objects.get()
    spec.comment = "as published"
    spec.save()
    assert save(setting_n_trials="60", **new_rows("specs", SPEC, start=1)).status_code == 302
    save(**{"specs-0-DELETE": "on", "specs-1-DELETE": "on"})
    assert not preset.specs.exists()
    url, (_, _, restore, *_) = pages(preset)

    shown = admin_client.get(restore)
    assert [(c.section, c.place, c.old, c.new) for c in shown.context["changes"]] == [
        ("Parameters", "max_weight", "not set", "1"),
        ("Settings", "n_trials", "60", "50"),
        ("Comments", "max_weight", "not set", "as published"),
    ]
    assert not preset.specs.exists()

    assert admin_client.post(restore).status_code == 302
    preset.refresh_from_db()
    restored = ParameterSpec.objects.get()
    assert (preset.settings, restored.raw) == ({"n_trials": 50}, 1)
    assert restored.comment == "as published"
    newest = version_read(versions_of(preset)[0])
    assert newest.comment.startswith("Restored the version of ")
    assert newest.user == "admin"
    assert len(told(admin_client.get(url))) == 6


def test_what_can_no_longer_be_is_refused_with_its_place(admin_client, admin_user, preset):
    lonely = PromptSet.objects.create(slug="lonely", name="Lonely", text="one")
    commands.profile_update(admin_user, preset, {"settings": {"good_prompts": "lonely"}})
    commands.profile_update(admin_user, preset, {"settings": {"n_trials": 7}})
    lonely.delete()
    _, (_, restore, *_) = pages(preset)

    response = admin_client.post(restore)

    assert response.status_code == 200
    assert "settings.good_prompts" in response.context["problems"][0]
    preset.refresh_from_db()
    assert preset.settings == {"n_trials": 7}


def test_who_may_only_look_reads_the_history_and_restores_nothing(client, make_user, preset):
    client.force_login(make_user(may=["studies.view_profile"]))
    url, (restore, *_) = pages(preset)

    html = client.get(url).content.decode()

    assert "max_weight" in html
    assert "Restore" not in html
    assert client.get(restore).status_code == 403
    assert client.post(restore).status_code == 403


def test_a_version_of_another_preset_is_not_there(admin_client, preset, make_profile, admin_user):
    other = commands.profile_duplicate(admin_user, preset)
    _, (restore, *_) = pages(other)
    url, _ = pages(preset)

    assert admin_client.get(url + restore.split("history/")[1]).status_code == 404


def test_a_long_history_costs_no_query_per_version(
    admin_client, admin_user, preset, django_assert_max_num_queries
):
    for n_trials in range(1, 30):
        commands.profile_update(admin_user, preset, {"settings": {"n_trials": n_trials}})
    url, _ = pages(preset)

    with django_assert_max_num_queries(20):
        response = admin_client.get(url)

    assert len(response.context["rows"]) == 20
    assert len(admin_client.get(url, {"page": 2}).context["rows"]) == 11
