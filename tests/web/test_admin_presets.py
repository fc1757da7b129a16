import pytest
from django.contrib.auth.models import Permission

from studies.models import ModelOverride, ParameterSpec, Profile
from studies.parameters import profile_resolve
from tests.engine.tiny import save_tiny
from tests.web.admin_forms import errors_of, new_rows, posted

RANGE = {"parameter": "max_weight", "component": "mlp.down_proj", "kind": "float"}


@pytest.fixture
def preset(make_profile):
    return make_profile("mine", name="Mine", settings={"n_trials": 50, "good_prompts": "good"})


@pytest.fixture
def edit(admin_client, preset):
    """Return the address of the preset's change edit, and a function that saves changes."""
    url = f"/admin/studies/profile/{preset.pk}/change/"

    def save(**changes):
        return admin_client.post(url, posted(admin_client, url) | changes)

    save.url = url
    return save


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (RANGE | {"low": "2", "high": "1"}, "high", "low"),
        (RANGE | {"low": "0", "high": "1", "step": "5"}, "step", "larger"),
        (RANGE | {"low": "0", "high": "1", "log": "on"}, "low", "above 0"),
        (RANGE | {"low": "0", "high": "nan"}, "high", "number"),
        (RANGE | {"low": "0", "high": "99"}, "high", "10"),
        (RANGE | {"high": "1"}, "low", "required"),
        (RANGE | {"kind": "integer", "low": "0", "high": "1.5"}, "high", "whole"),
        (RANGE | {"kind": "constant", "constant": "lots"}, "constant", "number"),
        (RANGE | {"kind": "constant"}, "constant", "empty"),
        (RANGE | {"kind": "choices", "choices": "0.1, 0.1"}, "choices", "0.1"),
        (RANGE | {"component": "mlp.down", "low": "0", "high": "1"}, "component", "mlp.down_proj"),
        (
            {"parameter": "direction_scope", "kind": "choices", "choices": "global, perlayer"},
            "choices",
            "per layer",
        ),
        (
            {"parameter": "direction_fraction", "kind": "float", "low": "0.2", "high": "1.2"},
            "high",
            "1",
        ),
    ],
)
def test_a_bad_value_has_its_error_on_the_field_that_is_wrong(edit, preset, row, field, words):
    response = edit(**new_rows("specs", row))

    assert response.status_code == 200
    errors = errors_of(response)
    assert list(errors) == [f"specs-0-{field}"]
    assert words in errors[f"specs-0-{field}"][0]
    assert not preset.specs.exists()


def test_numbers_and_the_comment_of_a_row_stay_as_typed(edit, preset, admin_client):
    row = RANGE | {"low": "0.0", "high": "1", "step": "1e-05", "comment": "Two \r\n lines.\r\n"}

    assert edit(**new_rows("specs", row)).status_code == 302
    assert edit().status_code == 302  # what the page shows, sent back

    spec = preset.specs.get()
    assert [repr(end) for end in (spec.low, spec.high, spec.step)] == ["0.0", "1", "1e-05"]
    assert spec.comment == "Two\n lines."


def test_a_comment_that_no_file_can_hold_is_refused(edit, preset):
    row = RANGE | {"low": "0", "high": "1", "comment": "bell \x07"}

    response = edit(**new_rows("specs", row))

    assert list(errors_of(response)) == ["specs-0-comment"]
    assert not preset.specs.exists()


def test_a_saved_preset_resolves_as_its_page_shows(edit, preset, admin_client):
    rows = [
        RANGE | {"low": "0", "high": "0.5"},
        {"parameter": "direction_scope", "kind": "constant", "constant": "per layer"},
        {"parameter": "min_weight_relative", "kind": "choices", "choices": "0, 0.5\n"},
    ]

    assert edit(**new_rows("specs", *rows)).status_code == 302

    shown = {
        (row["name"], row["component"]): (row["value"], row["source"])
        for row in admin_client.get(edit.url).context["resolved_parameters"]
    }
    assert shown["max_weight", "mlp.down_proj"] == ({"low": 0, "high": 0.5}, "Mine")
    assert shown["direction_scope", ""] == ("per layer", "Mine")
    assert shown["min_weight_relative", "attn.o_proj"] == ([0, 0.5], "Mine")
    assert shown["max_weight", "attn.o_proj"][1] == "default"
    resolved = profile_resolve(Profile.objects.get(pk=preset.pk)).as_json()["parameters"]
    assert {(r["name"], r["component"]): (r["value"], r["source"]) for r in resolved} == shown


def test_saving_a_page_unchanged_changes_nothing(edit, preset):
    rows = [
        ("max_weight", "", {"low": 0.0001, "high": 1, "log": True}),
        ("max_weight", "attn.o_proj", 3),
        ("min_weight_relative", "", [0.25]),
        ("direction_scope", "", "global"),
    ]
    for parameter, component, value in rows:
        spec = ParameterSpec(profile=preset, parameter=parameter, component=component)
        spec.raw = value
        spec.save()
    settings = {
        "seed": None,
        "response_prefix": "",
        "system_prompt": "Two\nlines",
        "target_components": ["attn.o_proj"],
        "chain_of_thought_skips": [["<a>\n", "<a></a>"], ["[b]", ""]],
        "dtypes": ["float32", "auto"],
        "orthogonalize_direction": False,
        "winsorization_quantile": 0.95,
        "row_normalization": "pre",
        "bad_prompts": "bad",
        "untouched_layers": [0, {"low": 2, "high": 5}],
        "untouched_layer_fractions": [],
    }
    Profile.objects.filter(pk=preset.pk).update(settings=settings)
    before = list(ParameterSpec.objects.order_by("pk").values())

    assert edit().status_code == 302

    preset.refresh_from_db()
    assert preset.settings == settings
    assert list(ParameterSpec.objects.order_by("pk").values()) == before


def test_the_stored_settings_hold_only_what_the_preset_sets(edit, preset):
    edit(setting_n_trials="", setting_max_response_length="64")

    preset.refresh_from_db()
    assert preset.settings == {"good_prompts": "good", "max_response_length": 64}


def test_untouched_layers_are_typed_as_numbers_and_ranges(edit, preset, admin_client):
    edit(setting_untouched_layers="0, 3\n", setting_untouched_layer_fractions="0.9 to 1, 0–0.25")

    preset.refresh_from_db()
    assert preset.settings["untouched_layers"] == [0, 3]
    fractions = [{"low": 0.9, "high": 1}, {"low": 0, "high": 0.25}]
    assert preset.settings["untouched_layer_fractions"] == fractions
    rows = admin_client.get(edit.url).context["resolved_settings"]
    shown = {row["name"]: row["display"] for row in rows}
    assert shown["untouched_layer_fractions"] == "0.9–1, 0–0.25"
    edit(setting_untouched_layers="none")
    preset.refresh_from_db()
    assert preset.settings["untouched_layers"] == []


def test_the_resolved_table_shows_which_layers_stay_untouched(
    edit, admin_client, tmp_path, settings
):
    settings.MODEL_ROOTS = [tmp_path]
    save_tiny("llama", tmp_path / "tiny")
    edit(setting_untouched_layer_fractions="0.5–1")

    rows = admin_client.get(edit.url, {"model": "tiny"}).context["resolved_settings"]
    shown = {row["name"]: row["display"] for row in rows}
    assert shown["untouched_layer_fractions"] == "0.5–1 (layers 2, 3)"


def test_open_nothing_and_empty_are_three_settings(edit, preset):
    def stored(mode, typed):
        edit(setting_response_prefix_0=mode, setting_response_prefix_1=typed)
        preset.refresh_from_db()
        return preset.settings.get("response_prefix", "absent")

    assert stored("nothing", "") is None
    assert stored("typed", "") == ""
    assert stored("typed", "Sure, ") == "Sure, "
    assert stored("", "") == "absent"


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("n_trials", "0", "1"),
        ("winsorization_quantile", "1.5", "1"),
        ("dtypes", "float32, float99", "float99"),
        ("chain_of_thought_skips", "<think>", "[0]"),
        ("untouched_layers", "0, first", "[1]"),
        ("untouched_layers", "0, 5–3", "[1].high"),
        ("untouched_layer_fractions", "0.5-1.5", "[0].high"),
    ],
)
def test_a_bad_setting_has_its_error_on_its_own_field(edit, field, typed, words):
    errors = errors_of(edit(**{f"setting_{field}": typed}))

    assert list(errors) == [f"setting_{field}"]
    assert words in errors[f"setting_{field}"][0]


def test_a_field_says_what_is_inherited_and_from_whom(admin_client, edit, preset, make_profile):
    preset.parent = make_profile("base", name="The <base>", settings={"n_trials": 77})
    preset.settings = {}
    preset.save()

    html = admin_client.get(edit.url).content.decode()

    assert "Left open: <b>77</b>, from The &lt;base&gt;." in html
    assert "Left open: <b>60</b>, from default." in html


def test_the_table_names_the_layer_that_decides_for_a_typed_model(admin_client, edit, preset):
    for profile, pattern, low in [(None, "google/*", 0.1), (preset, "google/gemma-3-*", 0.2)]:
        row = ModelOverride(profile=profile, pattern=pattern, parameter="direction_fraction")
        row.raw = {"low": low, "high": 0.9}
        row.save()
    url = edit.url.replace("change/", "resolve/")

    def source(model, address=url):
        rows = admin_client.get(address, {"model": model}).context["resolved_parameters"]
        return next(row["source"] for row in rows if row["name"] == "direction_fraction")

    assert source("google/gemma-3-4b") == "override of Mine: google/gemma-3-*"
    assert source("google/gemma-2-2b") == "model override: google/*"
    assert source("qwen/qwen3") == "default"
    assert source("google/gemma-3-4b", edit.url) == source("google/gemma-3-4b")


def test_the_table_is_closed_to_those_who_may_not_see_presets(client, make_user, edit):
    client.force_login(make_user(is_staff=True))

    assert client.get(edit.url.replace("change/", "resolve/")).status_code == 403


def test_overrides_that_tie_are_refused(edit, preset):
    row = {"parameter": "max_weight", "kind": "constant", "constant": "1"}
    rows = [row | {"pattern": "google/*3b"}, row | {"pattern": "google/3b*"}]

    errors = errors_of(edit(**new_rows("overrides", *rows)))

    assert list(errors) == ["overrides-1-pattern"]
    assert "google/*3b" in errors["overrides-1-pattern"][0]
    assert not preset.overrides.exists()


def test_the_same_parameter_twice_is_refused_on_the_second_row(edit):
    row = RANGE | {"low": "0", "high": "1"}

    errors = errors_of(edit(**new_rows("specs", row, row)))

    assert list(errors) == ["specs-1-parameter"]


def test_a_preset_cannot_be_based_on_its_own_child(edit, preset, make_profile):
    child = make_profile("child", parent=preset, settings={})

    assert "parent" in errors_of(edit(parent=child.pk))


def test_a_preset_in_use_is_not_deleted_and_the_page_says_what_uses_it(
    admin_client, preset, make_study
):
    make_study(profile=preset, name="Uses it")
    url = f"/admin/studies/profile/{preset.pk}/delete/"

    html = admin_client.get(url).content.decode()
    admin_client.post(url, {"post": "yes"})

    assert "Uses it" in html
    assert Profile.objects.filter(pk=preset.pk).exists()


def test_those_who_may_only_look_see_the_settings_and_cannot_post(client, make_user, edit, preset):
    user = make_user(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_profile"))
    client.force_login(user)

    assert "n_trials" in client.get(edit.url).content.decode()
    assert client.post(edit.url, {"name": "Other"}).status_code == 403
