"""Rows of presets and overrides, resolved for a model."""

import pytest

from studies.engine.errors import InvalidInputError
from studies.models import ModelOverride, ParameterSpec
from studies.parameters import profile_resolve, value_display

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
