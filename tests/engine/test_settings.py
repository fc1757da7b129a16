import json

import pytest

from studies.engine.errors import InvalidInputError
from studies.engine.methods import METHODS
from studies.engine.scorer_settings import DEFAULT_MARKERS, SCORERS
from studies.engine.settings import (
    complete_settings,
    parse_settings,
    resolve_settings,
    settings_class,
)

DIRECTIONAL = METHODS["directional"]
KEYWORDS = {"scorer": "KeywordRate", "settings": {"prompts": "bad-test"}}
DIVERGENCE = {"scorer": "KLDivergence", "settings": {"prompts": "good-test"}}
COMPLETE = {"good_prompts": "good", "bad_prompts": "bad", "scorers": [KEYWORDS, DIVERGENCE]}
DIRECTIONS = "must be 'minimize', 'maximize' or 'none'"


def problems(call, raw):
    with pytest.raises(InvalidInputError) as caught:
        call(DIRECTIONAL, raw)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "settings: must be a table, not a list"),
        (None, "settings: must be a table, not null"),
        ({"n_trials": 0}, "settings.n_trials: must be at least 1 (got 0)"),
        ({"n_trials": 10_001}, "settings.n_trials: must be at most 10000 (got 10001)"),
        ({"n_trials": "5"}, 'settings.n_trials: must be a whole number, not text (got "5")'),
        ({"n_trials": 1.5}, "settings.n_trials: must be a whole number (got 1.5)"),
        ({"n_trials": True}, "settings.n_trials: must be a whole number, not true/false"),
        ({"n_trials": None}, "settings.n_trials: must be a whole number, not null"),
        ({"n_trails": 5}, 'settings.n_trails: is not known here; did you mean "n_trials"?'),
        ({"seed": -1}, "settings.seed: must be at least 0 (got -1)"),
        ({"seed": 2**32}, "settings.seed: must be at most 4294967295 (got 4294967296)"),
        ({"batch_size": 10**6}, "settings.batch_size: must be at most 512 (got 1000000)"),
        ({"max_response_length": 0}, "settings.max_response_length: must be at least 1 (got 0)"),
        (
            {"winsorization_quantile": 0},
            "settings.winsorization_quantile: must be above 0 (got 0)",
        ),
        (
            {"winsorization_quantile": 1.5},
            "settings.winsorization_quantile: must be at most 1 (got 1.5)",
        ),
        (
            {"winsorization_quantile": float("nan")},
            "settings.winsorization_quantile: must be a finite number (got nan)",
        ),
        (
            {"row_normalization": "ful"},
            "settings.row_normalization: must be 'none', 'pre' or 'full' (got \"ful\")",
        ),
        (
            {"orthogonalize_direction": "yes"},
            'settings.orthogonalize_direction: must be true or false, not text (got "yes")',
        ),
        (
            {"kl_limit": 0.5, "scorers": [KEYWORDS]},
            "settings.kl_limit: needs the scorer KLDivergence among the scorers",
        ),
        ({"kl_limit": 0}, "settings.kl_limit: must be above 0 (got 0)"),
        ({"kl_limit": "0.5"}, 'settings.kl_limit: must be a number, not text (got "0.5")'),
        ({"dtypes": []}, "settings.dtypes: needs at least one entry"),
        ({"dtypes": ["auto", "auto"]}, 'settings.dtypes[1]: appears twice (got "auto")'),
        (
            {"target_components": ["attn.oproj"]},
            'settings.target_components[0]: "attn.oproj" is not a component; '
            'did you mean "attn.o_proj"?',
        ),
        (
            {"model_commit": "main; rm"},
            'settings.model_commit: must be a branch, a tag or a 40-character commit (got "main; rm")',
        ),
        (
            {"good_prompts": "a/b"},
            "settings.good_prompts: must be letters, digits, hyphens and underscores, "
            'at most 100 (got "a/b")',
        ),
        (
            {"system_prompt": "a\0"},
            "settings.system_prompt: contains a control character (U+0000)",
        ),
        (
            {"chain_of_thought_skips": [["<a>"]]},
            "settings.chain_of_thought_skips[0][1]: is required",
        ),
        (
            {"chain_of_thought_skips": [["", "x"]]},
            "settings.chain_of_thought_skips[0][0]: must not be empty",
        ),
        ({"scorers": "x"}, 'settings.scorers: must be a list, not text (got "x")'),
        ({"scorers": []}, "settings.scorers: needs at least one scorer to minimize or maximize"),
        (
            {"scorers": [{**KEYWORDS, "optimization": "none"}]},
            "settings.scorers: needs at least one scorer to minimize or maximize",
        ),
        (
            {"scorers": [{**KEYWORDS, "optimization": "min"}]},
            f'settings.scorers[0].optimization: {DIRECTIONS} (got "min")',
        ),
        (
            {"scorers": [{"scorer": "KeywordRat", "settings": {"prompts": "x"}}]},
            'settings.scorers[0].scorer: "KeywordRat" is not a scorer; '
            'did you mean "KeywordRate"?',
        ),
        ({"scorers": [{"scorer": "KeywordRate"}]}, "settings.scorers[0].settings: is required"),
        (
            {"scorers": [{"scorer": "KLDivergence", "settings": {}}]},
            "settings.scorers[0].settings.prompts: is required",
        ),
        (
            {"scorers": [{**DIVERGENCE, "settings": {"prompts": "x", "keyword_markers": []}}]},
            "settings.scorers[0].settings.keyword_markers: is not known here; "
            "known: prompts, n_prompts",
        ),
        (
            {"scorers": [{**KEYWORDS, "settings": {"prompts": "x", "keyword_markers": []}}]},
            "settings.scorers[0].settings.keyword_markers: needs at least one marker",
        ),
        (
            {
                "scorers": [
                    {**KEYWORDS, "settings": {"prompts": "x", "keyword_markers": ["a", ""]}}
                ]
            },
            "settings.scorers[0].settings.keyword_markers[1]: must not be empty",
        ),
        (
            {"scorers": [{**KEYWORDS, "settings": {"prompts": "x", "keyword_markers": ["**"]}}]},
            "settings.scorers[0].settings.keyword_markers[0]: must not be empty",
        ),
        (
            {"scorers": [KEYWORDS, KEYWORDS]},
            'settings.scorers[1].name: "Keywords" is already the name of scorer [0]; '
            "give it another",
        ),
    ],
    ids=str,
)
def test_one_wrong_setting_gives_one_problem_at_its_place(raw, message):
    assert problems(parse_settings, raw) == [message]


def test_all_wrong_settings_are_reported_at_once():
    raw = {"n_trials": 0, "seed": -1, "x": 1, "scorers": [4], "target_components": ["no"]}

    assert [text.split(":")[0] for text in problems(parse_settings, raw)] == [
        "settings.n_trials",
        "settings.seed",
        "settings.scorers[0]",
        "settings.x",
        "settings.target_components[0]",
    ]


def test_nesting_is_limited():
    deep = {}
    for _ in range(50_000):
        deep = {"x": deep}

    place = f"settings{'.x' * 20}"
    assert problems(parse_settings, deep) == [f"{place}: is nested too deeply (limit 20 levels)"]


def test_partial_settings_come_back_as_they_were_given():
    given = {
        "n_trials": 5,
        "seed": None,
        "winsorization_quantile": 1,  # stays a whole number
        "scorers": [KEYWORDS],
        "chain_of_thought_skips": [["<a>", "<a></a>"]],
    }

    parsed = parse_settings(DIRECTIONAL, given)

    assert json.dumps(parsed, sort_keys=True) == json.dumps(given, sort_keys=True)
    assert parse_settings(DIRECTIONAL, {}) == {}


def test_the_last_layer_that_speaks_of_a_setting_wins_and_says_so():
    layers = [
        ("parent", {"n_trials": 100, "seed": 1}),
        ("preset", {"n_trials": 50}),
        ("study", {}),
    ]

    resolved = resolve_settings(DIRECTIONAL, layers)

    n_trials = resolved["n_trials"]
    assert (n_trials.value, n_trials.source) == (50, "preset")
    assert n_trials.chain == (("default", 200), ("parent", 100))
    assert (resolved["seed"].value, resolved["seed"].chain) == (1, (("default", None),))
    assert resolved["row_normalization"].source == "default"
    assert "scorers" not in resolved  # has no default, and nobody set it


def test_a_layer_with_an_unknown_setting_is_refused_by_name():
    with pytest.raises(
        InvalidInputError, match=r"n_trails: is not a setting \(set by preset\); did"
    ):
        resolve_settings(DIRECTIONAL, [("preset", {"n_trails": 1})])


def test_what_is_resolved_completes_to_the_same_values():
    layers = [("preset", parse_settings(DIRECTIONAL, COMPLETE)), ("study", {"seed": 7})]
    resolved = {name: one.value for name, one in resolve_settings(DIRECTIONAL, layers).items()}

    settings = complete_settings(DIRECTIONAL, json.loads(json.dumps(resolved)))

    assert settings == complete_settings(DIRECTIONAL, {**COMPLETE, "seed": 7})
    assert (settings.n_trials, settings.n_startup_trials, settings.seed) == (200, 60, 7)
    assert settings.row_normalization == "full"
    assert settings.chain_of_thought_skips[0] == ("<think>", "<think></think>")


def test_scorers_get_the_usual_direction_name_and_markers():
    keywords, divergence = complete_settings(DIRECTIONAL, COMPLETE).scorers

    assert (keywords.optimization, keywords.title) == ("minimize", "Keywords")
    assert keywords.settings.keyword_markers == list(DEFAULT_MARKERS)
    assert len(set(DEFAULT_MARKERS)) == len(DEFAULT_MARKERS) == 33
    assert (divergence.optimization, divergence.settings.n_prompts) == ("minimize", None)
    assert SCORERS["UnchangedAnswers"].direction == "maximize"


def test_two_scorers_of_one_kind_need_a_name():
    named = {**KEYWORDS, "name": "Clichés"}

    scorers = complete_settings(DIRECTIONAL, {**COMPLETE, "scorers": [KEYWORDS, named]}).scorers

    assert [one.title for one in scorers] == ["Keywords", "Clichés"]


def test_complete_settings_miss_nothing_and_need_two_prompt_sets():
    assert problems(
        complete_settings, {"good_prompts": "a", "bad_prompts": "a", "n_trials": 0}
    ) == [
        "settings.n_trials: must be at least 1 (got 0)",
        "settings.bad_prompts: must be another prompt set than good_prompts",
        "settings.scorers: is required",
    ]


def test_few_trials_need_no_change_of_the_start_up_trials():
    assert complete_settings(DIRECTIONAL, {**COMPLETE, "n_trials": 1}).n_startup_trials == 60


def test_every_setting_is_described_and_every_default_passes_its_own_check():
    fields = settings_class(DIRECTIONAL).model_fields
    defaults = {name: one.value for name, one in resolve_settings(DIRECTIONAL, []).items()}

    assert all(field.description for field in fields.values())
    assert set(fields) - set(defaults) == {"good_prompts", "bad_prompts", "scorers"}
    assert parse_settings(DIRECTIONAL, defaults) == defaults


def test_resolved_defaults_are_not_shared_between_studies():
    resolve_settings(DIRECTIONAL, [])["dtypes"].value.append("float64")

    assert "float64" not in resolve_settings(DIRECTIONAL, [])["dtypes"].value
