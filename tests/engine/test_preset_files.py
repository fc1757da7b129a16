"""Presets as files: what is wrong with their values, and what a round trip keeps."""

import tomllib

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings

from studies.engine.errors import InvalidInputError
from studies.engine.methods import METHODS
from studies.engine.parameters import Key, Layer, resolve
from studies.engine.toml.preset import PresetFile, Spec, parse_preset
from studies.engine.toml.writing import write_for_heretic, write_preset
from studies.engine.values import Range
from tests.engine.preset_examples import presets

METHOD = METHODS["directional"]
slow = example_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def wrong(text):
    with pytest.raises(InvalidInputError) as caught:
        parse_preset(text)
    return [str(problem) for problem in caught.value.problems]


FAULTS = {
    "nan": ("[parameters]\nmax_weight = nan", "parameters.max_weight: must be a finite number (got nan)"),
    "inf in a component": ('[parameters.max_weight]\n"attn.o_proj" = { low = 0, high = inf }', 'parameters.max_weight["attn.o_proj"].high: must be a finite number (got inf)'),
    "low above high": ("[parameters.max_weight]\nlow = 2\nhigh = 1", "parameters.max_weight.high: must not be below low, which is 2 (got 1)"),
    "log from 0": ('[parameters]\nmax_weight."mlp.down_proj" = { low = 0, high = 1, log = true }', 'parameters.max_weight["mlp.down_proj"].low: must be above 0 on a log scale (got 0)'),
    "fraction above 1": ("[parameters]\ndirection_fraction = [0.5, 1.2]", "parameters.direction_fraction[1]: must be within 0 and 1, a fraction of the last layer's index (got 1.2)"),
    "unknown choice": ('[parameters]\ndirection_scope = ["global", "perlayer"]', 'parameters.direction_scope[1]: must be one of "global", "per layer" (got "perlayer"); did you mean "per layer"?'),
    "unknown parameter": ("[parameters]\nmax_wieght = 1", 'parameters.max_wieght: is not a parameter of the method directional; did you mean "max_weight"?'),
    "unknown component": ('[parameters.max_weight]\n"attn.oproj" = 1', 'parameters.max_weight["attn.oproj"]: "attn.oproj" is not a component; did you mean "attn.o_proj"?'),
    "component without quotes": ("[parameters.max_weight]\nattn.o_proj = 1", 'parameters.max_weight.attn: "attn" is not a component; known: attn.o_proj, mlp.down_proj, ssm.out_proj'),
    "text for a number": ('[parameters.max_weight]\nlow = "0.1"\nhigh = 1', 'parameters.max_weight.low: must be a number, not text (got "0.1")'),
    "true for a number": ("[parameters]\nmax_weight = true", "parameters.max_weight: must be a number, a text, a list of choices or a range, not true/false"),
    "time for a number": ("[parameters]\nmax_weight = 07:32", "parameters.max_weight: must be a number, a text, a list of choices or a range, not a time"),
    "date for a number": ("[parameters.max_weight]\nlow = 1979-05-27\nhigh = 1", "parameters.max_weight.low: must be a number, not a date"),
    "parameters as a list": ("[[parameters]]\nmax_weight = 1", "parameters: must be a table, not a list"),
    "n_trials": ("n_trials = 0", "n_trials: must be at least 1 (got 0)"),
    "setting misspelt": ("n_trails = 5", 'n_trails: is not known here; did you mean "n_trials"?'),
    "setting unknown": ("xyzzy = 5", "xyzzy: is not known here"),
    "quoted unknown": ('"a b" = 5', '["a b"]: is not known here'),
    "slug": ('slug = "No Slop"', 'slug: must be small letters, digits and single hyphens, such as no-slop (got "No Slop")'),
    "slug of a number": ("slug = 5", "slug: must be text, not a number (got 5)"),
    "long name": (f'name = "{"n" * 101}"', "name: is longer than 100 characters"),
    "invisible name": ('name = "a\\u202e"', "name: contains an invisible character (U+202E)"),
    "method": ('method = "directonal"', 'method: "directonal" is not a method; did you mean "directional"?'),
    "method of a number": ("method = 1", "method: must be text, not a number (got 1)"),
    "scorer": ('[[scorers]]\nscorer = "KeywordRat"\nsettings.prompts = "x"', 'scorers[0].scorer: "KeywordRat" is not a scorer; did you mean "KeywordRate"?'),
    "marker": ('[[scorers]]\nscorer = "KeywordRate"\n[scorers.settings]\nprompts = "x"\nkeyword_markers = ["a", ""]', "scorers[0].settings.keyword_markers[1]: must not be empty"),
    "scorers as a table": ('[scorers]\nscorer = "KeywordRate"', "scorers: must be a list, not a table"),
    "empty of what cannot be": ('empty = ["seed", "n_trials"]', "empty[1]: n_trials cannot be empty"),
    "empty of the unknown": ('empty = ["sead"]', 'empty[0]: must name a setting; did you mean "seed"?'),
    "empty and set": ('seed = 1\nempty = ["seed"]', "empty[0]: seed is set in this file as well"),
    "empty as a text": ('empty = "seed"', "empty: must be a list, not text"),
    "override": ('[overrides."a/*".parameters]\nmax_weight = { low = 1 }', 'overrides["a/*"].parameters.max_weight.high: is required'),
    "override of a component": ('[overrides."a/*".parameters.max_weight]\n"attn.o_proj" = 99', 'overrides["a/*"].parameters.max_weight["attn.o_proj"]: must be within -10 and 10 (got 99)'),
    "override of settings": ('[overrides."a/*"]\nn_trials = 5', 'overrides["a/*"].n_trials: is not known here; known: parameters'),
    "override as a value": ('overrides."a/*" = 1', 'overrides["a/*"]: must be a table, not a number (got 1)'),
    "override without a pattern": ('[overrides."".parameters]\nmax_weight = 1', 'overrides[""]: must not be empty'),
    "overrides that tie": ('[overrides."a*c".parameters]\nmax_weight = 1\n[overrides."ab*".parameters]\nmax_weight."attn.o_proj" = 1', 'overrides["ab*"].parameters.max_weight["attn.o_proj"]: some models match both this pattern and "a*c", and neither is the more specific, so it is open which one decides; make one of them longer'),
    "long comment": ("[parameters]\nmax_weight = 1 # " + "x" * 2001, "parameters.max_weight: its comment is longer than 2000 characters"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_a_wrong_value_is_refused_once_at_its_place(text, message):
    assert wrong(text) == [message]


def test_everything_that_is_wrong_is_said_at_once():
    text = (
        'slug = "A"\nn_trials = 0\nxyzzy = 1\n[parameters]\nmax_weight = nan\ndirection_scope = 1'
    )

    places = [problem.partition(":")[0] for problem in wrong(text)]

    assert sorted(places) == [
        "n_trials",
        "parameters.direction_scope",
        "parameters.max_weight",
        "slug",
        "xyzzy",
    ]


def test_at_most_fifty_faults_are_said():
    assert len(wrong("\n".join(f"unknown{i} = 1" for i in range(80)))) == 50


def test_inline_and_explicit_tables_are_the_same():
    inline = '[parameters]\nmax_weight = { "*" = 1, "attn.o_proj" = { low = 0, high = 1 } }'
    explicit = (
        '[parameters.max_weight]\n"*" = 1\n[parameters.max_weight."attn.o_proj"]\nlow=0\nhigh=1'
    )

    assert parse_preset(inline) == parse_preset(explicit)


def test_a_comment_above_a_table_of_components_is_kept_with_the_first():
    preset = parse_preset(
        '[parameters]\n\n# Why.\n[parameters.max_weight]\n# Attention.\n"attn.o_proj" = 1 # one\n"*" = 2'
    )

    comments = {str(key): spec.comment for key, spec in preset.parameters.items()}
    assert comments == {'max_weight["attn.o_proj"]': "Why.\nAttention.\none", "max_weight": ""}


@slow
@given(presets())
def test_reading_what_was_written_gives_the_same_preset(preset):
    text = write_preset(preset)
    read = parse_preset(text)

    assert read == preset
    assert repr(read.parameters) == repr(ordered(preset, read))  # 1 is not 1.0
    assert write_preset(read) == text


def ordered(preset, read):
    return {key: preset.parameters[key] for key in read.parameters}


@slow
@given(presets())
def test_what_is_written_is_toml_of_any_version(preset):
    tomllib.loads(write_preset(preset))


@slow
@given(presets())
def test_heretic_can_read_the_table_that_is_written_for_it(preset):
    values = {key: spec.value for key, spec in preset.parameters.items()}
    resolved = resolve(METHOD, [Layer("preset", values)])
    text = write_for_heretic({key: one.value for key, one in resolved.items()}, METHOD.name)

    table = tomllib.loads(text)["parameters"]

    assert table.keys() == {parameter.name for parameter in METHOD.parameters}
    for name, entry in table.items():
        by_component = isinstance(entry, dict) and entry.keys() == set(METHOD.components)
        assert by_component <= METHOD.parameter(name).per_component
        for value in entry.values() if by_component else [entry]:
            assert not isinstance(value, dict) or value.keys() <= {"low", "high", "log"}


def test_what_heretic_cannot_say_is_named_in_a_comment():
    stepped = Range(low=0, high=10, step=2, integer=True)

    text = write_for_heretic({Key("max_weight", "attn.o_proj"): stepped}, METHOD.name)

    assert text == (
        "[parameters]\n"
        "# Without counterpart in Heretic, left out: step 2, whole numbers only.\n"
        "max_weight = {low = 0, high = 10}\n"
    )


def test_a_file_is_written_to_be_read_by_people():
    preset = PresetFile(
        slug="mine",
        name="Mine",
        settings={"n_trials": 50, "seed": None},
        parameters={
            Key("direction_scope"): Spec("global", "One is enough.\n\nSee the notes."),
            Key("max_weight", "attn.o_proj"): Spec(Range(low=0, high=1.0)),
            Key("max_weight"): Spec(1),
        },
        overrides={"google/gemma-3-*": {Key("direction_scope"): Spec("per layer")}},
    )

    assert write_preset(preset) == (
        'slug = "mine"\n'
        'name = "Mine"\n'
        'method = "directional"\n'
        "\n"
        "n_trials = 50\n"
        'empty = ["seed"]\n'
        "\n"
        "[parameters]\n"
        "# One is enough.\n"
        "#\n"
        "# See the notes.\n"
        'direction_scope = "global"\n'
        "\n"
        "[parameters.max_weight]\n"
        '"*" = 1\n'
        '"attn.o_proj" = {low = 0, high = 1.0}\n'
        "\n"
        '[overrides."google/gemma-3-*".parameters]\n'
        'direction_scope = "per layer"\n'
    )
