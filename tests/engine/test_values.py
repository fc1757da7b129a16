import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError
from studies.engine.limits import MAX_WHOLE
from studies.engine.values import (
    Limits,
    Range,
    constant_of,
    is_sampled,
    parse_value,
    value_to_json,
)

NAN, INF = float("nan"), float("inf")


def refused(raw, limits=None):
    """The problems as texts, one each."""
    with pytest.raises(InvalidInputError) as caught:
        parse_value("w", raw, limits)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"low": NAN, "high": 1}, "w.low: must be a finite number (got nan)"),
        ({"low": 0, "high": NAN}, "w.high: must be a finite number (got nan)"),
        ({"low": 0, "high": INF}, "w.high: must be a finite number (got inf)"),
        ({"low": 0, "high": json.loads("1e400")}, "w.high: must be a finite number (got inf)"),
        ({"low": -1, "high": 1, "log": True}, "w.low: must be above 0 on a log scale (got -1)"),
        ({"low": 0, "high": 1, "log": True}, "w.low: must be above 0 on a log scale (got 0)"),
        ({"low": 2, "high": 1}, "w.high: must not be below low, which is 2 (got 1)"),
        ({"low": 0, "high": 1, "step": 0}, "w.step: must be above 0 (got 0)"),
        (
            {"low": 0, "high": 1, "step": 5},
            "w.step: is larger than the range from 0 to 1 (got 5)",
        ),
        (
            {"low": 1, "high": 9, "step": 1, "log": True},
            "w.step: cannot be combined with a log scale",
        ),
        (
            {"low": 0, "high": 1e300, "step": 0.001},
            "w.step: is too small for the range from 0 to 1e+300 (got 0.001)",
        ),
        ({"low": "0.1", "high": 1}, 'w.low: must be a number, not text (got "0.1")'),
        ({"low": "nan", "high": 1}, 'w.low: must be a number, not text (got "nan")'),
        ({"low": True, "high": 1}, "w.low: must be a number, not true/false"),
        ({"low": None, "high": 1}, "w.low: must be a number, not null"),
        ({"low": 0}, "w.high: is required"),
        (
            {"low": 1.5, "high": 3, "integer": True},
            "w.low: must be a whole number, since integer is true (got 1.5)",
        ),
        (
            {"low": 0, "high": 2**70},
            f"w.high: must be at most {MAX_WHOLE} (got 1180591620717411303424)",
        ),
        (10**400, f"w: must be at most {MAX_WHOLE} (got a whole number of about 398 digits)"),
        (
            [10**5000],
            f"w[0]: must be at most {MAX_WHOLE} (got a whole number of about 4983 digits)",
        ),
        (
            {"low": -1.7e308, "high": 1.7e308},
            "w.high: is too far from low: high − low must be a finite number",
        ),
        (
            {"low": 0, "high": 1, "log": "yes"},
            'w.log: must be true or false, not text (got "yes")',
        ),
        (
            {"low": 0, "high": 1, "integer": 1},
            "w.integer: must be true or false, not a number (got 1)",
        ),
        ({"lo": 0, "high": 1}, 'w.lo: is not known here; did you mean "low"?'),
        (
            {"low": 0, "high": 1, "foo": 1},
            "w.foo: is not known here; known: log, integer, low, high, step",
        ),
        (
            {"low": 0, "high": 1, "a.b": 1},
            'w["a.b"]: is not known here; known: log, integer, low, high, step',
        ),
        ([], "w: needs at least one choice"),
        ([1, "1"], "w: all choices must be of one kind (found a number, text)"),
        ([1, "1", True], "w[2]: must be a number or a text, not true/false"),
        ([1, 2, 1.0], "w[2]: is the same as choice [0] (got 1.0)"),
        (["größe", "gro\u0308ße"], 'w[1]: is the same as choice [0] (got "größe")'),
        ([[1]], "w[0]: must be a number or a text, not a list"),
        ([NAN], "w[0]: must be a finite number (got nan)"),
        ([*range(101)], "w: must have at most 100 entries"),
        (None, "w: must be a number, a text, a list of choices or a range, not null"),
        (True, "w: must be a number, a text, a list of choices or a range, not true/false"),
        ("", "w: must not be empty"),
        ("x\u202ey", "w: contains an invisible character (U+202E)"),
        ("x\u200by", "w: contains an invisible character (U+200B)"),
        ("x\ud800", "w: contains an invalid Unicode character"),
        ("x" * 201, "w: is longer than 200 characters"),
    ],
)
def test_one_wrong_part_gives_one_problem_at_its_place(raw, message):
    (problem,) = refused(raw)

    assert problem.replace("gro\u0308ße", "größe") == message


def test_all_wrong_parts_are_reported_at_once():
    assert [
        text.split(":")[0] for text in refused({"low": NAN, "high": True, "step": "x", "y": 1})
    ] == [
        "w.low",
        "w.high",
        "w.step",
        "w.y",
    ]
    assert len(refused([NAN] * 90)) == 50


def test_a_misspelt_key_is_one_mistake_not_two():
    assert refused({"min": 0, "max": 1}) == [
        'w.min: is not known here; did you mean "low"?',
        'w.max: is not known here; did you mean "high"?',
    ]


def test_a_shown_value_is_cut_and_escaped():
    (problem,) = refused({"low": "\x1b[31m" + "a" * 500, "high": 1})

    assert problem == 'w.low: must be a number, not text (got "\\x1b[31m' + "a" * 75 + '…")'


def test_a_place_stays_short_and_printable_whatever_the_key():
    for key in ("k" * 5000, "\ud800", 'a"\n'):
        (problem,) = refused({"low": 0, "high": 1, key: 1})

        assert problem.isprintable()
        assert len(problem) < 200


def test_nesting_is_limited_before_anything_recursive_reads_it():
    deep = 1
    for _ in range(100_000):
        deep = [deep]

    end = "is nested too deeply (limit 20 levels)"
    assert refused(deep) == [f"w{'[0]' * 20}: {end}"]
    assert refused({"low": 0, "high": {"x": deep}}) == [f"w.high.x{'[0]' * 18}: {end}"]


def test_limits_are_checked_together_with_the_shape():
    share = Limits(accepts="numbers", low=0, high=1, meaning=", a share")

    assert refused({"low": NAN, "high": 1.2}, share) == [
        "w.low: must be a finite number (got nan)",
        "w.high: must be within 0 and 1, a share (got 1.2)",
    ]
    assert refused([0.5, -0.1], share) == ["w[1]: must be within 0 and 1, a share (got -0.1)"]
    assert refused("0.5", share) == ['w: must be a number, not text (got "0.5")']
    assert parse_value("w", {"low": 0, "high": 1, "step": 0.5}, share).step == 0.5


def test_where_only_some_texts_are_allowed_the_near_miss_is_named():
    scope = Limits(accepts="texts", texts=("global", "per layer"))

    assert refused("per-layer", scope) == [
        'w: must be one of "global", "per layer" (got "per-layer"); did you mean "per layer"?'
    ]
    assert refused(3, scope) == ['w: must be one of "global", "per layer" (got 3)']
    assert refused({"low": 0, "high": 1}, scope) == [
        'w: must be one of "global", "per layer", or a list of them, not a range'
    ]


numbers = st.integers(-1000, 1000) | st.floats(-1000, 1000)


@st.composite
def ranges(draw):
    low, high = sorted([draw(numbers), draw(numbers)])
    raw = {"low": low, "high": high}
    if draw(st.booleans()):
        raw["log"] = draw(st.booleans()) and low > 0
    if high > low and not raw.get("log") and draw(st.booleans()):
        raw["step"] = (high - low) / draw(st.integers(1, 9))
    return raw if raw.get("step") != 0 else {"low": low, "high": high}


texts = st.text("abc é😀", min_size=1).filter(str.strip)
values = numbers | texts | ranges() | st.lists(numbers, min_size=1, unique=True)


@given(values)
def test_writing_a_value_and_reading_it_again_changes_nothing(raw):
    value = parse_value("w", raw)
    written = json.loads(json.dumps(value_to_json(value), allow_nan=False))
    again = parse_value("w", written)

    assert again == value
    assert repr(again) == repr(value)  # 1 stays 1 and 1.0 stays 1.0


@given(numbers)
def test_numbers_stay_as_typed(number):
    wanted = repr(0.0) if number == 0 and isinstance(number, float) else repr(number)  # -0.0

    assert repr(parse_value("w", number)) == wanted
    assert repr(parse_value("w", {"low": number, "high": 2000}).low) == wanted
    assert repr(value_to_json(parse_value("w", [number]))) == f"[{wanted}]"


def test_a_range_is_written_without_the_keys_that_have_their_default():
    assert value_to_json(parse_value("w", {"low": 0, "high": 1, "log": False, "step": None})) == {
        "low": 0,
        "high": 1,
    }
    full = {"low": 1, "high": 9, "step": 2, "integer": True}
    assert value_to_json(parse_value("w", full)) == full


@pytest.mark.parametrize(
    "raw", [0.4, "global", [0.4], ["global"], {"low": 0.4, "high": 0.4}], ids=str
)
def test_what_leaves_no_choice_is_not_sampled_and_kept_as_typed(raw):
    value = parse_value("w", raw)

    assert not is_sampled(value)
    assert constant_of(value) in (0.4, "global")
    assert value_to_json(value) == raw


@pytest.mark.parametrize("value", [Range(low=0, high=1), (1, 2)], ids=str)
def test_what_leaves_a_choice_is_sampled_and_has_no_constant(value):
    assert is_sampled(value)
    with pytest.raises(ValueError, match="no constant"):
        constant_of(value)


def test_emoji_joined_by_an_invisible_character_are_a_readable_text():
    assert parse_value("w", "👩‍🔬") == "👩‍🔬"
    assert refused("a\u200db") == ["w: contains an invisible character (U+200D)"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
)
def test_anything_is_either_taken_or_refused_with_places(raw):
    try:
        value = parse_value("w", raw)
    except InvalidInputError as error:
        places = [problem.place for problem in error.problems]
    else:
        places = ["w"]
        assert not isinstance(value, float) or math.isfinite(value)

    assert places
    assert all(place.startswith("w") for place in places)
    assert len(places) == len(set(places))


WHOLE = Limits(accepts="numbers", low=1, high=64, whole=True)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (2.5, "w: must be a whole number (got 2.5)"),
        ([1, 2.5], "w[1]: must be a whole number (got 2.5)"),
        ({"low": 1, "high": 9}, "w: must be a range of whole numbers: set integer to true"),
        (
            {"low": 1, "high": 9, "integer": False},
            "w: must be a range of whole numbers: set integer to true",
        ),
        (
            {"low": 1, "high": 9, "integer": "yes"},
            'w.integer: must be true or false, not text (got "yes")',
        ),
        (
            {"low": 1, "high": 9.5, "integer": True},
            "w.high: must be a whole number (got 9.5)",
        ),
        ({"low": 0, "high": 9, "integer": True}, "w.low: must be within 1 and 64 (got 0)"),
    ],
    ids=str,
)
def test_what_counts_whole_things_takes_nothing_else(raw, message):
    assert refused(raw, WHOLE) == [message]


@pytest.mark.parametrize("raw", [3, 3.0, [1, 2], {"low": 1, "high": 9, "integer": True}], ids=str)
def test_what_counts_whole_things_takes_them_however_written(raw):
    parse_value("w", raw, WHOLE)


@pytest.mark.parametrize(
    ("raw", "last"),
    [
        ({"low": 0, "high": 1}, 1),
        ({"low": 0, "high": 1, "step": 0.1}, 1.0),
        ({"low": 0, "high": 1, "step": 0.3}, 0.9),
        ({"low": 0.1, "high": 0.7, "step": 0.2}, 0.7),
        ({"low": 1, "high": 10, "step": 4, "integer": True}, 9),
        ({"low": -3, "high": 7, "integer": True}, 7),
    ],
    ids=str,
)
def test_the_last_value_of_a_range_is_its_last_step(raw, last):
    value = parse_value("w", raw)

    assert value.last == last
    assert value.high == raw["high"]  # as typed


def test_a_constant_written_as_a_whole_number_range_is_whole():
    constant = constant_of(parse_value("w", {"low": 3.0, "high": 3.0, "integer": True}))

    assert (constant, type(constant)) == (3, int)
