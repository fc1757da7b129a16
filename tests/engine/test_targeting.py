"""What a study ablates of a model: components of its family, and layers that stay as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError
from studies.engine.methods import METHODS
from studies.engine.settings import parse_settings
from studies.engine.targeting import (
    FRACTIONS,
    INDICES,
    check_targets,
    layers_of,
    table_components,
    untouched_layers,
)

DIRECTIONAL = METHODS["directional"]
ATTN, MLP, SSM = "attn.o_proj", "mlp.down_proj", "ssm.out_proj"
USUAL, KNOWN = (ATTN, MLP), (ATTN, MLP, SSM)


def problems(call, *args):
    with pytest.raises(InvalidInputError) as caught:
        call(*args)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        (INDICES, 3, ": must be a list, not a number (got 3)"),
        (INDICES, [-1], "[0]: must be at least 0 (got -1)"),
        (INDICES, [10_000], "[0]: must be below 10000 (got 10000)"),
        (INDICES, [1.5], "[0]: must be a whole number (got 1.5)"),
        (
            INDICES,
            [True],
            "[0]: must be a layer's index or a range with low and high, not true/false",
        ),
        (
            INDICES,
            ["3"],
            '[0]: must be a layer\'s index or a range with low and high, not text (got "3")',
        ),
        (INDICES, [[1]], "[0]: must be a layer's index or a range with low and high, not a list"),
        (INDICES, [{"low": 1}], "[0].high: is required"),
        (INDICES, [{"low": 4, "high": 2}], "[0].high: must not be below low, which is 4 (got 2)"),
        (INDICES, [0, {"lo": 1, "high": 2}], '[1].lo: is not known here; did you mean "low"?'),
        (INDICES, [1, 2, 1], "[2]: is the same as entry [0]"),
        (INDICES, [*range(201)], ": must have at most 200 entries"),
        (
            FRACTIONS,
            [1.2],
            "[0]: must be within 0 and 1, a fraction of the last layer's index (got 1.2)",
        ),
        (FRACTIONS, [float("nan")], "[0]: must be a finite number (got nan)"),
        (
            FRACTIONS,
            [{"low": -0.1, "high": 0.5}],
            "[0].low: must be within 0 and 1, a fraction of the last layer's index (got -0.1)",
        ),
        (
            FRACTIONS,
            [{"low": 0.6, "high": 0.5}],
            "[0].high: must not be below low, which is 0.6 (got 0.5)",
        ),
        (
            FRACTIONS,
            ["0.5"],
            '[0]: must be a fraction or a range with low and high, not text (got "0.5")',
        ),
    ],
    ids=str,
)
def test_a_wrong_entry_gives_one_problem_at_its_place(name, raw, message):
    assert problems(parse_settings, DIRECTIONAL, {name: raw}) == [f"settings.{name}{message}"]


def test_entries_come_back_as_they_were_typed():
    raw = {INDICES: [0, {"low": 2, "high": 5}], FRACTIONS: [0, 1, {"low": 0.25, "high": 0.5}]}

    assert json.dumps(parse_settings(DIRECTIONAL, raw)) == json.dumps(raw)


@pytest.mark.parametrize(
    ("entries", "layers"),
    [
        ([0, 1], [0, 10]),
        ([0.44, 0.46], [4, 5]),  # alone: the nearest
        ([0.45], [5]),
        ([{"low": 0.3, "high": 0.6}], [3, 4, 5, 6]),
        ([{"low": 0.31, "high": 0.59}], [4, 5]),
        ([{"low": 0.31, "high": 0.39}], []),  # between two layers
        ([{"low": 0.1, "high": 0.2}, 0.2], [1, 2]),
    ],
    ids=str,
)
def test_fractions_mean_layers_of_the_model(entries, layers):
    assert layers_of(FRACTIONS, entries, 11) == layers


def test_indices_and_fractions_add_up_in_order():
    assert untouched_layers([5, {"low": 1, "high": 2}], [1.0], 8) == [1, 2, 5, 7]
    assert untouched_layers([], [], 8) == []


def test_an_index_that_the_model_does_not_have_is_refused_at_its_place():
    found = problems(
        untouched_layers, [0, 40, {"low": 30, "high": 32}, {"low": 32, "high": 33}], [], 32
    )

    assert found == [
        "settings.untouched_layers[1]: model has layers 0–31 (got 40)",
        "settings.untouched_layers[2].high: model has layers 0–31 (got 32)",
        "settings.untouched_layers[3].low: model has layers 0–31 (got 32)",
        "settings.untouched_layers[3].high: model has layers 0–31 (got 33)",
    ]


@pytest.mark.parametrize(
    ("indices", "fractions", "place"),
    [
        ([{"low": 0, "high": 3}], [], INDICES),
        ([], [{"low": 0, "high": 1}], FRACTIONS),
        ([0, 1], [{"low": 0.5, "high": 1}], INDICES),
    ],
)
def test_leaving_out_every_layer_is_refused(indices, fractions, place):
    assert problems(untouched_layers, indices, fractions, 4) == [
        f"settings.{place}: leaves nothing to ablate: all 4 layers stay untouched"
    ]


fraction = st.floats(0, 1)
entries = st.lists(
    fraction | st.tuples(fraction, fraction).map(lambda e: {"low": min(e), "high": max(e)}),
    max_size=4,
)


@given(entries, st.integers(1, 100))
def test_fractions_stay_inside_any_model_and_more_of_them_leave_out_more(found, n_layers):
    layers = layers_of(FRACTIONS, found, n_layers)

    assert layers == sorted(set(layers))
    assert set(layers) <= set(range(n_layers))
    assert set(layers_of(FRACTIONS, found[:-1], n_layers)) <= set(layers)


def test_a_known_model_has_its_own_components_in_its_own_order():
    assert table_components(KNOWN, USUAL, (ATTN, SSM, MLP), None) == ([ATTN, SSM, MLP], [])
    assert table_components(KNOWN, USUAL, USUAL, None) == ([ATTN, MLP], [])
    assert table_components(KNOWN, USUAL, (ATTN, SSM, MLP), [SSM]) == ([SSM], [])


def test_an_unknown_model_is_taken_for_a_usual_one_that_may_have_more():
    assert table_components(KNOWN, USUAL, (), None) == ([ATTN, MLP], [SSM])
    assert table_components(KNOWN, USUAL, (), [SSM, MLP]) == ([MLP, SSM], [])
    assert table_components(KNOWN, USUAL, (), [ATTN]) == ([ATTN], [])


def test_a_target_that_the_model_lacks_is_refused_naming_what_it_has():
    check_targets(None, USUAL)
    check_targets([MLP], USUAL)

    assert problems(check_targets, [MLP, SSM], USUAL) == [
        'settings.target_components[1]: the model has no component "ssm.out_proj"; '
        "it has attn.o_proj, mlp.down_proj"
    ]
