"""Which trials a search space holds, and what a typed trial may say."""

import optuna
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError
from studies.engine.fit import misfit, misfits, parse_trial
from studies.engine.measured import measured_differently
from studies.engine.methods import method_get
from studies.engine.parameters import Key, flat, nest, resolve
from studies.engine.search_space import distributions, suggest, told
from studies.engine.values import Range, constant_of, is_sampled

# Optuna's hint at a range that ends at its last full step.
pytestmark = pytest.mark.filterwarnings("ignore:The distribution is specified by")
METHOD = method_get("directional")
DEFAULTS = {key: one.value for key, one in resolve(METHOD, []).items()}
MLP = Key("max_weight", "mlp.down_proj")

ends = st.floats(-5, 5).map(lambda x: round(x, 3))


@st.composite
def ranges(draw):
    low, high = sorted(draw(st.tuples(ends, ends)))
    kind = draw(st.sampled_from(["plain", "log", "integer", "step", "integer step"]))
    if kind == "log":
        return Range(low=abs(low) + 0.001, high=abs(low) + abs(high) + 0.001, log=True)
    if "integer" in kind:
        low, high = round(low), round(high) + 1
        step = draw(st.integers(1, high - low)) if "step" in kind else None
        return Range(low=low, high=high, integer=True, step=step)
    if kind == "step" and high > low:
        step = draw(st.floats(0.05, 1)) * (high - low)
        assume(step > 1e-6)
        return Range(low=low, high=high, step=step)
    return Range(low=low, high=high)


values = st.one_of(
    ranges(),
    ends,
    st.lists(ends, min_size=1, max_size=4, unique=True).map(tuple),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True).map(tuple),
)
KEY = Key("x")


@given(values, st.integers(0, 2**31))
def test_what_a_search_has_drawn_fits_the_space_it_was_drawn_from(value, seed):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    drawn = suggest(study.ask(), {KEY: value})

    assert misfits(drawn, {KEY: value}) == []


@given(values, st.one_of(ends, st.integers(-6, 6), st.sampled_from("abcd")))
def test_what_fits_is_what_the_search_itself_would_take(value, given_value):
    fits = misfit(value, given_value) is None
    if not is_sampled(value):
        assert fits == (given_value == constant_of(value))
        return
    try:
        params = told({KEY: given_value}, {KEY: value})
        # A whole-number range cuts a fraction off, which would be another trial.
        is_same = params["x"] == given_value
        trial = optuna.trial.create_trial(
            value=0.0, params=params, distributions=distributions({KEY: value})
        )
        optuna.create_study().add_trial(trial)
    except ValueError:
        assert not fits
    else:
        assert fits == is_same


@given(st.dictionaries(st.sampled_from(list(DEFAULTS)), ends, min_size=1))
def test_nested_parameters_are_read_back(flat_parameters):
    assert flat(nest(flat_parameters)) == flat_parameters


@pytest.mark.parametrize(
    ("value", "point", "reason"),
    [
        (Range(low=0, high=0.5), 0.9, "is above 0.5"),
        (Range(low=0.2, high=0.5), 0, "is below 0.2"),
        (Range(low=0, high=1), "global", "is not a number"),
        (Range(low=1, high=5, integer=True), 2.5, "is not a whole number"),
        (Range(low=0, high=1, step=0.25), 0.3, "is not 0 plus a multiple of 0.25"),
        (Range(low=0, high=1, step=0.3), 1.0, "is not 0 plus a multiple of 0.3"),
        # The search ends at 0.3 there, a little below.
        (Range(low=0, high=0.35, step=0.1), 0.1 * 3, "is not 0 plus a multiple of 0.1"),
        (Range(low=0.7, high=0.7), 0.8, "is not 0.7"),
        (0.5, 0.6, "is not 0.5"),
        (("global", "per layer"), "none", 'is not among "global", "per layer"'),
        ((1, 2), 3, "is not among 1, 2"),
        (("only",), "other", 'is not "only"'),
    ],
)
def test_a_misfit_is_said_in_words(value, point, reason):
    assert misfit(value, point) == reason


def test_a_trial_needs_exactly_the_parameters_of_the_space():
    space = {MLP: Range(low=0, high=0.5), Key("new"): 1}

    (above, missing, stranger) = misfits({MLP: 0.9, Key("old"): 2}, space)

    assert str(above) == 'max_weight["mlp.down_proj"] = 0.9 is above 0.5'
    assert above.summary == 'max_weight["mlp.down_proj"] is above 0.5'
    assert str(missing) == "new was not part of it"
    assert str(stranger) == "old = 2 is no longer a parameter"


def test_a_typed_trial_may_leave_parameters_to_the_search():
    raw = {"direction_scope": "global", "max_weight": {"*": 1.0, "mlp.down_proj": 0.5}}

    assert parse_trial(METHOD, raw, DEFAULTS) == {
        Key("direction_scope"): "global",
        Key("max_weight", "attn.o_proj"): 1.0,
        MLP: 0.5,
    }


@pytest.mark.parametrize(
    ("raw", "place", "message"),
    [
        ({}, "t", "needs at least one parameter"),
        (None, "t", "must be a table, not null"),
        ({"max_wieght": 1}, "t.max_wieght", "is not a parameter"),
        ({"max_weight": {"low": 0, "high": 1}}, "t.max_weight", "must be one value"),
        ({"direction_scope": ["global", "per layer"]}, "t.direction_scope", "must be one value"),
        ({"max_weight": 99}, "t.max_weight", "must be within"),
        ({"max_weight": 0.1}, "t.max_weight", "is below 0.8 for attn.o_proj (got 0.1)"),
        ({"max_weight": {"*": 0.1}}, 't.max_weight["*"]', "is below 0.8 for attn.o_proj"),
        (
            {"max_weight": {"mlp.down_proj": 1.9}},
            't.max_weight["mlp.down_proj"]',
            "is above 1.5 (got 1.9)",
        ),
    ],
)
def test_a_typed_trial_is_refused_at_the_exact_place(raw, place, message):
    with pytest.raises(InvalidInputError) as caught:
        parse_trial(METHOD, raw, DEFAULTS, "t")

    (problem,) = caught.value.problems
    assert problem.place == place
    assert message in problem.message


KEYWORDS = {"scorer": "KeywordRate", "settings": {"prompts": "bad"}}
SETTINGS = {"good_prompts": "good", "bad_prompts": "bad", "scorers": [KEYWORDS]}


@pytest.mark.parametrize(
    "own",
    [
        {"n_trials": 3},
        {"seed": 5},
        {"batch_size": 4},
        {"max_response_length": 100},  # what it is anyway
        {"scorers": [KEYWORDS | {"optimization": "minimize"}]},
    ],
)
def test_how_the_search_goes_on_changes_no_measurement(own):
    assert measured_differently(METHOD, SETTINGS, SETTINGS | own) == []


@pytest.mark.parametrize(
    "own",
    [
        {"max_response_length": 7},
        {"model_commit": "abc"},
        {"system_prompt": "Other."},
        {"row_normalization": "none"},
        {"good_prompts": "others"},
        {"target_components": ["attn.o_proj"]},
        {"scorers": [{"scorer": "KeywordRate", "settings": {"prompts": "good"}}]},
    ],
)
def test_every_other_setting_does(own):
    assert measured_differently(METHOD, SETTINGS, SETTINGS | own) == list(own)
