"""Whole configurations of the reference tool, read as presets."""

from pathlib import Path

import pytest

from studies.engine.errors import InvalidInputError
from studies.engine.methods import METHODS
from studies.engine.parameters import Key
from studies.engine.settings import complete_settings
from studies.engine.toml.preset import parse_preset
from studies.engine.values import Range

FOLDER = Path(__file__).parent / "reference"
ALPACA = {"dataset": "mlabonne/harmless_alpaca", "column": "text"}
HARMFUL = {"dataset": "mlabonne/harmful_behaviors", "column": "text"}
PROMPTS = '[good_prompts]\ndataset = "a/b"\nsplit = "train"\ncolumn = "text"\n'


def published(name):
    return parse_preset((FOLDER / f"{name}.toml").read_bytes())


def noted(preset):
    return [problem.place for problem in preset.ledger.notes]


def described(preset, slug):
    """The described prompt set, without the columns that are empty."""
    columns = preset.prompt_tables[slug].columns
    return {name: text for name, text in columns.items() if text and name != "source"}


@pytest.mark.parametrize("name", ["refusals", "noslop", "nohumour"])
def test_each_published_configuration_becomes_a_complete_preset(name):
    preset = published(name)

    settings = complete_settings(METHODS["directional"], preset.settings)
    used = {settings.good_prompts, settings.bad_prompts}
    used |= {scorer.settings.prompts for scorer in settings.scorers}
    assert used == preset.prompt_tables.keys()


def test_the_default_configuration_keeps_settings_scorers_parameters_and_comments():
    preset = published("refusals")

    assert preset.model == "google/gemma-3-4b-it"
    assert preset.settings["n_trials"] == 200
    assert preset.settings["row_normalization"] == "full"
    assert preset.settings["chain_of_thought_skips"][1] == ["<thought>", "<thought></thought>"]
    rate, divergence = preset.settings["scorers"]
    assert (rate["scorer"], divergence["scorer"]) == ("KeywordRate", "KLDivergence")
    assert rate["settings"]["keyword_markers"] == ["sorry", "i cannot", "as an ai"]
    assert described(preset, preset.settings["good_prompts"]) == ALPACA | {"split": "train[:400]"}
    assert described(preset, rate["settings"]["prompts"]) == HARMFUL | {"split": "test[:100]"}
    spec = preset.parameters[Key("max_weight", "attn.o_proj")]
    assert spec == (Range(low=0.8, high=1.5), "attention matters most")
    assert repr(preset.parameters[Key("max_weight_position_fraction")].value.high) == "1"
    assert noted(preset) == [
        "good_prompts.residual_plot_label",
        "print_residual_geometry",
        "full_normalization_lora_rank",
        "study_checkpoint_dir",
        "max_memory",
    ]


def test_settings_of_a_named_scorer_are_its_own_and_those_of_its_kind():
    preset = published("noslop")

    rate = preset.settings["scorers"][0]
    assert rate["name"] == "ornament"
    assert rate["settings"]["keyword_markers"] == ["tapestry", "symphony of"]
    assert described(preset, rate["settings"]["prompts"])["split"] == "train[1000:1100]"
    assert noted(preset) == ["residual_plot_title"]


def test_the_space_that_heretic_puts_behind_a_prefix_is_kept():
    preset = published("noslop")

    good = described(preset, preset.settings["good_prompts"])
    assert good["prefix"] == "Tell this in plain words:\n\n "


def test_a_configuration_from_before_the_list_of_scorers_gets_one():
    preset = published("nohumour")

    rate, divergence = preset.settings["scorers"]
    assert rate["settings"]["keyword_markers"] == ["haha", "punchline", "😂"]
    assert described(preset, rate["settings"]["prompts"])["dataset"] == "UnstableLlama/jokes"
    assert described(preset, divergence["settings"]["prompts"]) == ALPACA | {"split": "test[:100]"}
    assert noted(preset) == ["kl_divergence_scale", "kl_divergence_target"]


def test_what_a_configuration_leaves_out_is_what_heretic_does_then():
    preset = parse_preset("n_trials = 5\nprint_responses = true")

    assert described(preset, preset.settings["bad_prompts"]) == HARMFUL | {"split": "train[:400]"}
    assert [scorer["scorer"] for scorer in preset.settings["scorers"]] == [
        "KeywordRate",
        "KLDivergence",
    ]
    assert noted(preset) == [
        "good_prompts",
        "bad_prompts",
        "scorers",
        "scorers[0].prompts",
        "scorers[1].prompts",
        "print_responses",
    ]


def test_nothing_is_added_to_a_preset_of_this_project():
    preset = parse_preset('slug = "mine"\nn_trials = 5')

    assert (preset.settings, preset.ledger.notes) == ({"n_trials": 5}, [])


def test_a_scorer_that_is_not_here_is_left_out_and_places_stay_those_of_the_file():
    text = """
scorers = [
  { plugin = "judges.py:Judge", optimization = "minimize" },
  { plugin = "heretic.scorers.keyword_rate.KeywordRate", optimization = "minimise" },
]
[scorer.Judge]
strictness = 3
[scorer.KeywordRate]
keyword_markers = [""]
"""
    with pytest.raises(InvalidInputError) as caught:
        parse_preset(text + PROMPTS)

    problems = {problem.place: problem.message for problem in caught.value.problems}
    assert problems.keys() == {"scorers[1].optimization", "scorer.KeywordRate.keyword_markers[0]"}

    preset = parse_preset(
        (text + PROMPTS).replace("minimise", "minimize").replace('[""]', '["x"]')
    )
    assert "scorers[0].plugin" in noted(preset)
    assert [scorer["scorer"] for scorer in preset.settings["scorers"]] == ["KeywordRate"]


def test_settings_of_a_scorer_that_is_not_listed_are_noted():
    text = 'scorers = [{ plugin = "heretic.scorers.KLDivergence" }]\n[scorer.KeywordRate]\nkeyword_markers = ["x"]\n'

    assert "scorer.KeywordRate" in noted(parse_preset(text + PROMPTS))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[good_prompts]\nsplit = 'train'", "good_prompts.dataset"),
        ("[good_prompts]\ndataset = 5", "good_prompts.dataset"),
        ("[good_prompts]\ndataset = 'a/b'\ncolunm = 'text'", "good_prompts.colunm"),
        ("[scorer.KeywordRate.prompts]\ndatset = 'a/b'", "scorer.KeywordRate.prompts.datset"),
        ("[scorer]\nKeywordRate = 5", "scorer.KeywordRate"),
        ("scorer = 5", "scorer"),
        ("[scorer.KeywordRate]\nmarkers = []", "scorer.KeywordRate.markers"),
        ("refusal_markers = 'sorry'", "refusal_markers"),
        ("quantisation = 'none'", "quantisation"),
    ],
)
def test_faults_of_a_configuration_have_their_place_in_it(text, place):
    with pytest.raises(InvalidInputError) as caught:
        parse_preset(text)

    assert [problem.place for problem in caught.value.problems] == [place]


def test_settings_that_change_nothing_are_not_noted():
    preset = parse_preset('quantization = "none"\ndevice_map = "auto"\n' + PROMPTS)

    assert not {"quantization", "device_map"} & set(noted(preset))


def test_a_text_file_becomes_a_file_in_a_prompt_folder():
    preset = parse_preset('[good_prompts]\ndataset = "mine/good.txt"\nsplit = "train[:5]"')

    table = preset.prompt_tables[preset.settings["good_prompts"]]
    assert table.columns["path"] == "mine/good.txt"
    assert table.columns["source"] == "file"
    assert "good_prompts.split" in noted(preset)


def test_a_slug_for_a_described_set_is_not_that_of_a_named_one():
    preset = parse_preset('bad_prompts = "b-train"\n' + PROMPTS)

    assert preset.settings["bad_prompts"] == "b-train"
    assert preset.settings["good_prompts"] == "b-train-2"
