import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError
from studies.engine.methods import METHODS, method_get
from studies.engine.methods.schema import GENERAL, Method, Parameter, Unit
from studies.engine.parameters import (
    Key,
    Layer,
    ambiguous,
    check_value,
    derived_layers,
    match_order,
    nest,
    parse_parameters,
    pattern_specificity,
    patterns_clash,
    resolve,
)
from studies.engine.tables import Table
from studies.engine.values import Range, parse_value, value_to_json

DIRECTIONAL = METHODS["directional"]
ATTN, MLP = DIRECTIONAL.components
SSM = "ssm.out_proj"
THREE = [ATTN, SSM, MLP]
KEYS = [
    Key(parameter.name, component)
    for parameter in DIRECTIONAL.parameters
    for component in (GENERAL, *(DIRECTIONAL.components if parameter.per_component else ()))
]


class OtherSettings(Table):
    strength: float = 1.0


OTHER = Method(
    name="other",
    label="Another method",
    description="With parameters of its own.",
    parameters=(
        Parameter(
            name="rank",
            unit=Unit.WEIGHT,
            low=1,
            high=64,
            default={GENERAL: Range(low=1, high=16, integer=True)},
            description="Rank.",
        ),
    ),
    components=("everything",),
    settings=OtherSettings,
    implementation="nowhere:Nothing",
)


def problems(call, *args, **kwargs):
    with pytest.raises(InvalidInputError) as caught:
        call(*args, **kwargs)
    return [str(problem) for problem in caught.value.problems]


def fitting(key):
    """Values that fit a key."""
    parameter = DIRECTIONAL.parameter(key.name)
    if parameter.unit is Unit.CHOICE:
        return st.sampled_from(["global", "per layer", ("global", "per layer")])
    number = st.floats(0, 1)
    span = st.tuples(number, number).map(lambda ends: Range(low=min(ends), high=max(ends)))
    return number | span | st.lists(number, min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def layers(draw):
    def one(index):
        keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=6))
        return Layer(f"layer {index}", {key: draw(fitting(key)) for key in keys})

    return [one(index) for index in range(draw(st.integers(0, 4)))]


@given(layers())
def test_every_key_gets_exactly_one_value_and_the_same_one_each_time(found):
    resolved = resolve(DIRECTIONAL, found)

    assert list(resolved) == [
        Key(parameter.name, component)
        for parameter in DIRECTIONAL.parameters
        for component in (DIRECTIONAL.components if parameter.per_component else (GENERAL,))
    ]
    assert resolve(DIRECTIONAL, found) == resolved
    backwards = [Layer(one.source, dict(reversed(one.values.items()))) for one in found]
    assert resolve(DIRECTIONAL, backwards) == resolved


@given(layers(), st.data())
def test_the_last_layer_that_speaks_of_a_parameter_wins(found, data):
    key = data.draw(st.sampled_from(KEYS))
    value = data.draw(fitting(key))
    before = resolve(DIRECTIONAL, found)

    after = resolve(DIRECTIONAL, [*found, Layer("last", {key: value})])

    for one, result in after.items():
        if one.name == key.name and key.component in (GENERAL, one.component):
            assert (result.value, result.source) == (value, "last")
        else:
            assert result == before[one]


@given(layers(), st.data())
def test_within_a_layer_the_component_beats_the_general_setting(found, data):
    name = data.draw(st.sampled_from([p.name for p in DIRECTIONAL.parameters if p.per_component]))
    general, own = data.draw(fitting(Key(name))), data.draw(fitting(Key(name)))
    both = Layer("both", {Key(name, MLP): own, Key(name): general})

    resolved = resolve(DIRECTIONAL, [*found, both])

    assert resolved[Key(name, MLP)].value == own
    assert resolved[Key(name, ATTN)].value == general


@given(layers())
def test_the_chain_holds_everything_that_was_overridden_in_order(found):
    for key, result in resolve(DIRECTIONAL, found).items():
        parameter = DIRECTIONAL.parameter(key.name)
        said = [("default", parameter.default.get(key.component, parameter.default[GENERAL]))]
        for layer in found:
            for candidate in dict.fromkeys([Key(key.name), key]):
                if candidate in layer.values:
                    said.append((layer.source, layer.values[candidate]))

        assert [*result.chain, (result.source, result.value)] == said


@given(layers())
def test_a_layer_that_says_nothing_new_changes_no_value(found):
    resolved = resolve(DIRECTIONAL, found)
    repeated = resolve(DIRECTIONAL, [*found, *found[-1:]])

    assert {k: (r.value, r.source) for k, r in repeated.items()} == {
        k: (r.value, r.source) for k, r in resolved.items()
    }


def test_a_partial_table_leaves_the_other_component_its_default():
    values = parse_parameters(DIRECTIONAL, {"max_weight": {MLP: {"low": 0, "high": 0.5}}})

    resolved = resolve(DIRECTIONAL, [Layer("my preset", values)])

    mlp, attn = resolved[Key("max_weight", MLP)], resolved[Key("max_weight", ATTN)]
    assert (mlp.value, mlp.source) == (Range(low=0, high=0.5), "my preset")
    assert mlp.chain == (("default", Range(low=-0.25, high=1.5)),)
    assert (attn.value, attn.source, attn.chain) == (Range(low=0.8, high=1.5), "default", ())


def test_a_component_without_a_default_of_its_own_gets_the_general_one():
    resolved = resolve(DIRECTIONAL, [], components=["mlp.experts", MLP])

    assert resolved[Key("max_weight", "mlp.experts")].value == Range(low=0.8, high=1.5)
    assert Key("max_weight", ATTN) not in resolved


def test_strangers_in_a_layer_are_named_with_the_layer_all_at_once():
    strange = {
        Key("max_wieght"): 1,
        Key("max_weight", "attn.oproj"): 1,
        Key("direction_scope", MLP): "global",
    }

    assert problems(resolve, DIRECTIONAL, [Layer("my preset", strange)]) == [
        "max_wieght: is not a parameter of the method directional; "
        'did you mean "max_weight"? (set by my preset)',
        'max_weight["attn.oproj"]: "attn.oproj" is not a component; '
        'did you mean "attn.o_proj"? (set by my preset)',
        'direction_scope["mlp.down_proj"]: direction_scope is one value for all components '
        "(set by my preset)",
    ]


def test_a_preset_may_name_a_component_that_some_family_has():
    values = parse_parameters(DIRECTIONAL, {"max_weight": {SSM: 0.5, "*": 1}})
    layer = Layer("my preset", values)

    assert Key("max_weight", SSM) not in resolve(DIRECTIONAL, [layer])
    resolved = resolve(DIRECTIONAL, [layer], components=[ATTN, SSM, MLP])
    assert [resolved[Key("max_weight", one)].value for one in (ATTN, SSM, MLP)] == [1, 0.5, 1]
    assert resolved[Key("min_weight_relative", SSM)].source == "default"
    assert problems(parse_parameters, DIRECTIONAL, {"max_weight": {"ssm.outproj": 1}}) == [
        'parameters.max_weight["ssm.outproj"]: "ssm.outproj" is not a component; '
        'did you mean "ssm.out_proj"?'
    ]


@given(layers(), st.data())
def test_a_partial_component_table_falls_back_for_each_component_by_itself(found, data):
    name = data.draw(st.sampled_from([p.name for p in DIRECTIONAL.parameters if p.per_component]))
    named = data.draw(st.lists(st.sampled_from(THREE), unique=True))
    table = {Key(name, component): data.draw(fitting(Key(name))) for component in named}
    before = resolve(DIRECTIONAL, found, THREE)

    after = resolve(DIRECTIONAL, [*found, Layer("table", table)], THREE)

    for component in THREE:
        key = Key(name, component)
        if component in named:
            assert (after[key].value, after[key].source) == (table[key], "table")
        else:
            assert after[key] == before[key]


def test_a_component_that_this_model_lacks_is_no_mistake_of_a_preset():
    layer = Layer("my preset", {Key("max_weight", ATTN): 1.0})

    assert Key("max_weight", ATTN) not in resolve(DIRECTIONAL, [layer], components=[MLP])


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_defaults_of_a_method_pass_its_own_checks(method):
    names = [parameter.name for parameter in method.parameters]
    assert len(set(names)) == len(names)
    for parameter in method.parameters:
        assert GENERAL in parameter.default
        for component, value in parameter.default.items():
            check_value(method, Key(parameter.name, component), value)


def test_the_default_search_space_of_directional_ablation():
    written = {
        str(key): value_to_json(result.value) for key, result in resolve(DIRECTIONAL, []).items()
    }

    assert written == {
        "direction_scope": ["global", "per layer"],
        "direction_fraction": {"low": 0.4, "high": 0.9},
        'max_weight["attn.o_proj"]': {"low": 0.8, "high": 1.5},
        'max_weight["mlp.down_proj"]': {"low": -0.25, "high": 1.5},
        'max_weight_position_fraction["attn.o_proj"]': {"low": 0.6, "high": 1.0},
        'max_weight_position_fraction["mlp.down_proj"]': {"low": 0.6, "high": 1.0},
        'min_weight_relative["attn.o_proj"]': {"low": 0.0, "high": 1.0},
        'min_weight_relative["mlp.down_proj"]': {"low": 0.0, "high": 1.0},
        'min_weight_distance_fraction["attn.o_proj"]': {"low": 0.0, "high": 0.6},
        'min_weight_distance_fraction["mlp.down_proj"]': {"low": 0.0, "high": 0.6},
    }


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ([], ["parameters: must be a table, not a list"]),
        (
            {"max_wieght": 1},
            [
                "parameters.max_wieght: is not a parameter of the method directional; "
                'did you mean "max_weight"?'
            ],
        ),
        ({"max_weight": 10.5}, ["parameters.max_weight: must be within -10 and 10 (got 10.5)"]),
        (
            {"max_weight": {"low": 0, "high": 1e6}},
            ["parameters.max_weight.high: must be within -10 and 10 (got 1000000.0)"],
        ),
        (
            {"direction_fraction": {"low": -0.1, "high": 1.2}},
            [
                "parameters.direction_fraction.low: must be within 0 and 1, "
                "a fraction of the last layer's index (got -0.1)",
                "parameters.direction_fraction.high: must be within 0 and 1, "
                "a fraction of the last layer's index (got 1.2)",
            ],
        ),
        (
            {"min_weight_relative": {ATTN: 2}},
            [
                'parameters.min_weight_relative["attn.o_proj"]: '
                "must be within 0 and 1, a share (got 2)"
            ],
        ),
        (
            {"max_weight": {ATTN: {"low": float("nan"), "high": 1}}},
            ['parameters.max_weight["attn.o_proj"].low: must be a finite number (got nan)'],
        ),
        (
            {"max_weight": {"attn.oproj": 1}},
            [
                'parameters.max_weight["attn.oproj"]: "attn.oproj" is not a component; '
                'did you mean "attn.o_proj"?'
            ],
        ),
        (
            {"max_weight": {"low": 0, ATTN: 1}},
            ["parameters.max_weight: mixes a range (low) with values by component"],
        ),
        (
            {"max_weight": {"*": 1, "": 2}},
            ['parameters.max_weight[""]: a component\'s name must not be empty'],
        ),
        (
            {"max_weight": {"lo": 0, "high": 1}},
            ['parameters.max_weight.lo: is not known here; did you mean "low"?'],
        ),
        (
            {"direction_scope": ["global", "per-layer"]},
            [
                'parameters.direction_scope[1]: must be one of "global", "per layer" '
                '(got "per-layer"); did you mean "per layer"?'
            ],
        ),
        (
            {"direction_scope": {ATTN: "global"}},
            [
                'parameters.direction_scope["attn.o_proj"]: '
                "direction_scope is one value for all components"
            ],
        ),
    ],
    ids=str,
)
def test_parameters_are_refused_at_their_exact_place(raw, found):
    assert problems(parse_parameters, DIRECTIONAL, raw) == found


def test_all_faults_of_all_parameters_are_reported_at_once_up_to_fifty():
    raw = {"max_weight": {ATTN: 99, MLP: "x"}, "direction_fraction": 2, "direction_scope": "no"}
    assert len(problems(parse_parameters, DIRECTIONAL, raw)) == 4

    assert (
        len(problems(parse_parameters, DIRECTIONAL, {f"unknown_{i}": 1 for i in range(99)})) == 50
    )


@given(layers())
def test_writing_parameters_and_reading_them_again_changes_nothing(found):
    for layer in found:
        written = nest({key: value_to_json(value) for key, value in layer.values.items()})
        again = parse_parameters(DIRECTIONAL, json.loads(json.dumps(written)))

        assert again == layer.values


def test_a_component_table_may_hold_the_general_setting_too():
    values = parse_parameters(DIRECTIONAL, {"max_weight": {"*": 1, MLP: 0.5}})

    assert values == {Key("max_weight"): 1, Key("max_weight", MLP): 0.5}
    assert nest(values) == {"max_weight": {"*": 1, MLP: 0.5}}


def test_an_admin_row_is_checked_against_its_parameter_at_the_place_of_the_form():
    def check(key, value):
        return problems(check_value, DIRECTIONAL, key, value, "row")

    assert check(Key("max_weight"), 11) == ["row: must be within -10 and 10 (got 11)"]
    assert check(Key("max_weight", MLP), Range(low=0, high=11)) == [
        "row.high: must be within -10 and 10 (got 11)"
    ]
    assert check(Key("direction_scope"), 1.0)[0].startswith("row: must be one of")
    assert check(Key("nothing"), 1.0)[0].startswith("row: is not a parameter of")
    check_value(DIRECTIONAL, Key("max_weight", MLP), -0.25)


def test_fractions_become_layers_and_nothing_else_does():
    def derived(name, raw, n_layers=33):
        return derived_layers(DIRECTIONAL, Key(name), parse_value("", raw), n_layers)

    assert derived("direction_fraction", {"low": 0.25, "high": 1}) == {"low": 8.0, "high": 32.0}
    assert derived("max_weight_position_fraction", 0.5) == 16.0
    assert derived("direction_fraction", [0.5, 1]) == [16.0, 32.0]
    assert derived("min_weight_distance_fraction", {"low": 0, "high": 0.5}) == {
        "low": 1.0,
        "high": 16.0,
    }
    assert derived("max_weight", {"low": 0, "high": 1}) is None
    assert derived("direction_scope", "global") is None
    assert derived("direction_fraction", 0.5, n_layers=1) == 0.0


def test_a_method_with_other_parameters_needs_no_change_here():
    values = parse_parameters(OTHER, {"rank": {"low": 2, "high": 8, "integer": True}})

    resolved = resolve(OTHER, [Layer("mine", values)])

    assert resolved[Key("rank")].value == Range(low=2, high=8, integer=True)
    assert problems(parse_parameters, OTHER, {"rank": 99, "max_weight": 1}) == [
        "parameters.rank: must be within 1 and 64 (got 99)",
        "parameters.max_weight: is not a parameter of the method other; known: rank",
    ]


def test_an_unknown_method_is_named():
    assert problems(method_get, "directonal") == [
        'method: "directonal" is not a method; did you mean "directional"?'
    ]


def test_parameters_are_declared_only():
    parameter = DIRECTIONAL.parameter("max_weight")

    with pytest.raises(dataclasses.FrozenInstanceError):
        parameter.low = 0


def test_the_more_specific_pattern_comes_later_and_an_exact_id_last():
    patterns = ["google/gemma-3-4b-it", "*", "google/gemma-3-*", "google/*", "meta/*"]

    assert match_order(patterns, "google/gemma-3-4b-it") == [
        "*",
        "google/*",
        "google/gemma-3-*",
        "google/gemma-3-4b-it",
    ]
    # More literal characters than the exact id has are impossible, so a local name can hold any.
    assert match_order(["model[[]1]", "model[1]"], "model[1]") == ["model[[]1]", "model[1]"]


def test_special_characters_do_not_count_as_literal_and_case_matters():
    assert pattern_specificity("a?[bc]*d", "axbyd") == (False, 2)
    assert pattern_specificity("A*", "abc") is None


def test_two_patterns_of_equal_weight_that_both_match_are_ambiguous():
    assert ambiguous(["google/*", "*/gemma-", "*/gemma"], "google/gemma") == []
    assert ambiguous(["goog*", "*emma", "*"], "google/gemma") == [("*emma", "goog*")]


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("goog*", "*emma", True),
        ("a*c", "a?c", True),
        ("ab*", "ac*", False),
        ("a*", "ab*", False),  # one is the more specific
        ("*", "*", False),  # the same row, which uniqueness refuses
        ("ab", "a?", False),
        ("a[xy]b", "a*b", True),
    ],
)
def test_patterns_that_could_tie_are_found_before_there_is_a_model(one, other, clash):
    assert patterns_clash(one, other) is clash
    assert patterns_clash(other, one) is clash


@given(st.text("ab*?", max_size=6), st.text("ab*?", max_size=6), st.text("ab", max_size=6))
def test_patterns_that_tie_on_some_model_were_refused_when_saved(one, other, model):
    if ambiguous([one, other], model):
        assert patterns_clash(one, other)
