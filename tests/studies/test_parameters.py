"""Rows of presets and overrides, resolved for a model."""

import pytest

from studies.engine.errors import InvalidInputError
from studies.models import ModelOverride, ParameterSpec
from studies.parameters import profile_resolve, value_display
from tests.engine.tiny import save_tiny

MODEL = "google/gemma-3-4b-it"


def spec(owner, parameter, value, component="", **fields):
    row = ParameterSpec(profile=owner, parameter=parameter, component=component)
    row.raw = value
    row.save()
    return row


def override(pattern, parameter, value, *, profile=None, component=""):
    row = ModelOverride(profile=profile, pattern=pattern, parameter=parameter, component=component)
    row.raw = value
    row.save()
    return row


def resolved(profile, name="direction_scope", component="", model=MODEL, **values):
    rows = profile_resolve(profile, model, **values).as_json()["parameters"]
    return next(r for r in rows if (r["name"], r["component"]) == (name, component))


def test_each_layer_wins_over_the_one_before_and_names_itself(make_profile):
    parent = make_profile("base")
    child = make_profile("child", parent=parent)
    steps = [
        (lambda: None, "default"),
        (lambda: spec(parent, "direction_scope", "global"), "Base"),
        (lambda: spec(child, "direction_scope", "per layer"), "Child"),
        (lambda: override("google/*", "direction_scope", "global"), "model override: google/*"),
        (
            lambda: override("google/*", "direction_scope", "per layer", profile=parent),
            "override of Base: google/*",
        ),
        (
            lambda: override("google/gemma-*", "direction_scope", "global", profile=child),
            "override of Child: google/gemma-*",
        ),
    ]
    sources = []
    for add, _ in steps:
        add()
        sources.append(resolved(child)["source"])
    assert sources == [source for _, source in steps]

    own = resolved(child, parameters={"direction_scope": "per layer"})
    assert own["source"] == "this study"
    assert [link["source"] for link in own["chain"]] == sources


def test_the_more_specific_pattern_wins_and_an_exact_name_above_all(make_profile):
    profile = make_profile()
    override(MODEL, "direction_scope", "global")
    override("google/gemma-3-*", "direction_scope", "per layer")
    override("google/*", "direction_scope", "per layer")

    assert resolved(profile)["source"] == f"model override: {MODEL}"
    other = resolved(profile, model="google/gemma-3-1b")
    assert other["source"] == "model override: google/gemma-3-*"


def test_an_override_of_another_preset_or_model_says_nothing(make_profile):
    profile, other = make_profile("mine"), make_profile("other")
    override("google/*", "direction_scope", "global", profile=other)
    override("qwen/*", "direction_scope", "global")

    assert resolved(profile)["source"] == "default"


def test_a_partial_component_table_leaves_the_other_component_alone(make_profile):
    profile = make_profile()
    spec(profile, "max_weight", {"low": 0.1, "high": 0.2}, "mlp.down_proj")

    assert resolved(profile, "max_weight", "mlp.down_proj")["source"] == "Refusals"
    assert resolved(profile, "max_weight", "attn.o_proj")["source"] == "default"


@pytest.mark.parametrize(
    "value",
    [
        "global",
        0.4,
        1,
        ["global", "per layer"],
        {"low": 0.1, "high": 0.9},
        {"low": 0.1, "high": 1, "log": True},
        {"low": 0, "high": 1, "step": 0.25},
        {"low": 1, "high": 8, "integer": True},
    ],
    ids=str,
)
def test_a_row_gives_back_the_value_that_was_typed(make_profile, value):
    row = spec(make_profile(), "max_weight", value)

    assert ParameterSpec.objects.get(pk=row.pk).raw == value


def test_a_row_edited_past_the_admin_is_refused_with_its_place(make_profile):
    profile = make_profile()
    spec(profile, "max_weight", {"low": 2, "high": 1}, "attn.o_proj")

    with pytest.raises(InvalidInputError, match=r'max_weight\["attn.o_proj"\]\.high'):
        profile_resolve(profile)


def test_presets_based_in_a_circle_are_refused(make_profile):
    first = make_profile("first")
    second = make_profile("second", parent=first)
    first.parent = second
    first.save()

    with pytest.raises(InvalidInputError, match="circle"):
        profile_resolve(first)


def test_a_preset_cannot_be_based_on_one_for_another_method(make_profile):
    child = make_profile("child", parent=make_profile("base", method="other"))

    with pytest.raises(InvalidInputError, match="parent: Base is for another method, other"):
        profile_resolve(child)


def components_of(resolution):
    return list(dict.fromkeys(r["component"] for r in resolution.as_json()["parameters"]))[1:]


@pytest.fixture
def hybrid(tmp_path, settings):
    """Return the name of a local model with two mixers in each of its 4 layers."""
    save_tiny("falcon_h1", tmp_path / "hybrid")
    settings.MODEL_ROOTS = [tmp_path]
    return "hybrid"


def test_the_table_has_the_models_own_components(make_profile, hybrid):
    profile = make_profile()
    spec(profile, "max_weight", 0.7, "ssm.out_proj")

    resolution = profile_resolve(profile, hybrid)

    assert components_of(resolution) == ["attn.o_proj", "ssm.out_proj", "mlp.down_proj"]
    assert resolved(profile, "max_weight", "ssm.out_proj", hybrid)["value"] == 0.7
    assert resolved(profile, "min_weight_relative", "ssm.out_proj", hybrid)["source"] == "default"
    assert resolution.further_json() == []


def test_a_component_that_the_model_lacks_is_left_out_of_its_table(make_profile, tiny_model_root):
    profile = make_profile()
    spec(profile, "max_weight", 0.7, "ssm.out_proj")

    resolution = profile_resolve(profile, "tiny")

    assert components_of(resolution) == ["attn.o_proj", "mlp.down_proj"]
    assert resolution.further_json() == []


def test_an_unknown_model_may_turn_out_to_have_more_components(make_profile):
    profile = make_profile()
    spec(profile, "max_weight", 0.7, "ssm.out_proj")

    resolution = profile_resolve(profile, MODEL)

    assert components_of(resolution) == ["attn.o_proj", "mlp.down_proj"]
    further = {(row["name"], row["component"]): row["value"] for row in resolution.further_json()}
    assert {component for _, component in further} == {"ssm.out_proj"}
    assert further["max_weight", "ssm.out_proj"] == 0.7


def test_target_components_decide_what_is_in_the_table(make_profile, hybrid):
    profile = make_profile()
    targets = {"target_components": ["mlp.down_proj", "ssm.out_proj"]}

    assert components_of(profile_resolve(profile, hybrid, settings=targets)) == [
        "ssm.out_proj",
        "mlp.down_proj",
    ]
    assert len(components_of(profile_resolve(profile, MODEL, settings=targets))) == 2


def test_a_target_that_the_model_lacks_is_refused_before_a_study_starts(
    make_profile, tiny_model_root
):
    with pytest.raises(InvalidInputError) as refusal:
        profile_resolve(make_profile(), "tiny", settings={"target_components": ["ssm.out_proj"]})

    (problem,) = refusal.value.problems
    assert problem.place == "settings.target_components[0]"
    assert "it has attn.o_proj, mlp.down_proj" in problem.message


def test_untouched_layers_are_shown_as_indices_and_checked_against_the_model(make_profile):
    profile = make_profile(
        settings={"untouched_layer_fractions": [{"low": 0.5, "high": 1}], "untouched_layers": [0]}
    )

    def rows(**given):
        settings = profile_resolve(profile, MODEL, **given).as_json()["settings"]
        return {row["name"]: row for row in settings}

    known, unknown = rows(n_layers=9), rows()
    assert known["untouched_layer_fractions"]["layers"] == [4, 5, 6, 7, 8]
    assert known["untouched_layers"]["layers"] == [0]
    assert "layers" not in unknown["untouched_layers"]
    with pytest.raises(InvalidInputError, match=r"untouched_layers\[0\]: model has layers 0–31"):
        rows(n_layers=32, settings={"untouched_layers": [40]})
    with pytest.raises(InvalidInputError, match="all 2 layers stay untouched"):
        rows(n_layers=2, settings={"untouched_layers": [0]})


def test_stored_layers_that_were_edited_past_the_admin_are_refused(make_profile):
    profile = make_profile(settings={"untouched_layers": ["first"]})

    with pytest.raises(InvalidInputError, match=r"untouched_layers\[0\]"):
        profile_resolve(profile, MODEL, n_layers=4)


def test_settings_are_inherited_one_by_one(make_profile):
    parent = make_profile("base")
    child = make_profile("child", parent=parent, settings={"n_trials": 5})

    rows = profile_resolve(child, settings={"seed": 3}).as_json()["settings"]
    sources = {row["name"]: row["source"] for row in rows}

    assert sources["n_trials"] == "Child"
    assert sources["good_prompts"] == "Base"
    assert sources["seed"] == "this study"
    assert sources["batch_size"] == "default"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"low": 0.4, "high": 0.9}, "0.4 … 0.9"),
        ({"low": 1, "high": 8, "log": True, "integer": True}, "1 … 8 (log, integer)"),
        (["global", "per layer"], "global | per layer"),
        (1, "1"),
    ],
    ids=str,
)
def test_values_are_written_as_a_person_reads_them(value, text):
    assert value_display(value) == text
