"""Reproduction bundles: what is read, what is refused with its place, what differs."""

import json
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.bundle import Difference, environment_differences, parse_bundle
from studies.engine.errors import InvalidInputError
from studies.engine.reference_bundle import read_reference

BUNDLE = {
    "format": "heretic-web reproduction",
    "version": 1,
    "model": {"name": "tiny/llama", "commit": None, "files": {"model.safetensors": "a" * 64}},
    "method": "directional",
    "parameters": {"direction_scope": "global"},
    "settings": {"seed": 1},
    "prompts": {"good": {"name": "Good", "digest": "b" * 64, "count": 2}},
    "scores": [{"name": "Keywords", "value": 0.5, "baseline": 1.0}],
    "export": {"strategy": "merge"},
    "files": [{"path": "model.safetensors", "size": 8, "sha256": "c" * 64}],
    "environment": {"torch": "2.13.0"},
}
REFERENCE = {
    "version": "3",
    "timestamp": "2026-07-16T00:00:00",
    "settings": {
        "model": "tiny/llama",
        "model_commit": "f" * 40,
        "seed": 75,
        "n_trials": 200,
        "quantization": "bnb_4bit",
        "row_normalization": "full",
        "full_normalization_lora_rank": 3,
        "good_prompts": {"dataset": "owner/good", "split": "train[:400]", "column": "text"},
        "bad_prompts": {"dataset": "owner/bad", "split": "train[:400]", "column": "text"},
        "scorers": [
            {"plugin": "heretic.scorers.keyword_rate.KeywordRate", "optimization": "minimize"},
            {"plugin": "KLDivergence", "optimization": "minimize", "instance_name": "Drift"},
            {"plugin": "/tmp/evil.py:Evil", "optimization": "none"},
        ],
        "KeywordRate": {
            "prompts": {"dataset": "owner/bad", "split": "test[:100]", "column": "text"},
            "keyword_markers": ["sorry"],
        },
    },
    "parameters": {
        "direction_index": 14.25,
        "abliteration_parameters": {
            "attn.o_proj": {
                "max_weight": 1.2,
                "max_weight_position": 24.0,
                "min_weight": 0.3,
                "min_weight_distance": 12.0,
            },
            "mlp.down_proj": {
                "max_weight": 0.0,
                "max_weight_position": 30.0,
                "min_weight": 0.0,
                "min_weight_distance": 62.0,
            },
        },
    },
    "environment": {"requirements": {"transformers": "5.0.0"}, "pytorch_version": "2.9.0"},
    "hashes": {"model.safetensors": "abc"},
}


def without(table, *path, value=None, remove=False):
    """A deep copy with one entry replaced or removed."""
    copy = json.loads(json.dumps(table))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def problems(error):
    return {problem.place for problem in error.value.problems}


def test_a_bundle_survives_being_written_and_read():
    bundle = parse_bundle(BUNDLE)

    assert parse_bundle(json.loads(bundle.model_dump_json())) == bundle


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("version",), 2, "version"),
        (("files", 0, "path"), "../../etc/passwd", "files[0].path"),
        (("files", 0, "path"), "/etc/passwd", "files[0].path"),
        (("files", 0, "sha256"), "nothing", "files[0].sha256"),
        (("files", 0, "size"), -1, "files[0].size"),
        (("prompts", "good", "digest"), "x", "prompts.good.digest"),
        (("scores", 0, "value"), float("nan"), "scores[0].value"),
        (("export", "strategy"), "shell", "export.strategy"),
        (("export", "folder"), "/tmp", "export.folder"),
        (("plugin",), "os.system", "plugin"),
        (("model", "url"), "http://127.0.0.1", "model.url"),
    ],
)
def test_what_is_no_bundle_of_ours_is_refused_at_its_place(path, value, place):
    with pytest.raises(InvalidInputError) as error:
        parse_bundle(without(BUNDLE, *path, value=value))
    assert problems(error) == {place}


@pytest.mark.parametrize("raw", [None, [], "text", 1, {}, {"format": "other"}])
def test_something_else_is_no_bundle(raw):
    with pytest.raises(InvalidInputError):
        parse_bundle(raw)


@contextmanager
def suppressed_refusal():
    """Let our own refusal pass, if it says what is wrong; nothing else."""
    try:
        yield
    except InvalidInputError as refused:
        if not list(refused.problems):
            raise


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner),
    max_leaves=12,
)


@given(st.sampled_from(sorted(BUNDLE)), JSON)
def test_no_value_anywhere_ends_in_another_error_than_ours(key, value):
    with suppressed_refusal():
        parse_bundle(BUNDLE | {key: value})


@given(st.sampled_from(["settings", "parameters", "environment", "version"]), JSON)
def test_no_value_in_a_reference_file_ends_in_another_error_than_ours(key, value):
    with suppressed_refusal():
        read_reference(REFERENCE | {key: value}, 32)


@given(st.sampled_from(sorted(REFERENCE["settings"])), JSON)
def test_no_setting_in_a_reference_file_ends_in_another_error_than_ours(key, value):
    changed = REFERENCE["settings"] | {key: value}
    with suppressed_refusal():
        read_reference(REFERENCE | {"settings": changed}, 32)


def test_what_differs_comes_in_the_order_of_its_weight():
    then = {"torch": "2.10", "safetensors": "0.7", "tokenizers": "1", "numpy": "2"}
    now = {"torch": "2.13", "safetensors": "0.8", "tokenizers": "2", "numpy": "2"}

    assert environment_differences(then, now) == [
        Difference("torch", "2.10", "2.13", "high"),
        Difference("tokenizers", "1", "2", "medium"),
        Difference("safetensors", "0.7", "0.8", "low"),
    ]


def test_layers_of_the_reference_become_fractions_of_the_last_layer():
    study = read_reference(REFERENCE, 32)

    assert study.parameters["direction_scope"] == "global"
    assert study.parameters["direction_fraction"] == pytest.approx(14.25 / 31)
    kernel = {
        name: study.parameters[name]["attn.o_proj"] for name in study.parameters if "w" in name
    }
    assert kernel == {
        "max_weight": 1.2,
        "max_weight_position_fraction": pytest.approx(24 / 31),
        "min_weight_relative": pytest.approx(0.25),
        "min_weight_distance_fraction": pytest.approx(12 / 31),
    }


def test_a_direction_per_layer_has_no_index():
    study = read_reference(without(REFERENCE, "parameters", "direction_index"), 32)

    assert study.parameters["direction_scope"] == "per layer"


def test_settings_prompts_and_scorers_of_the_reference_are_taken_over():
    study = read_reference(REFERENCE, 32)

    assert (study.model, study.settings["seed"]) == ("tiny/llama", 75)
    assert study.prompts["reference-good"]["dataset"] == "owner/good"
    first, second = study.settings["scorers"]
    assert (first["scorer"], first["settings"]["keyword_markers"]) == ("KeywordRate", ["sorry"])
    assert study.prompts[first["settings"]["prompts"]]["split"] == "test[:100]"
    assert (second["name"], second["scorer"]) == ("Drift", "KLDivergence")
    assert study.versions == {"transformers": "5.0.0", "torch": "2.9.0"}


def test_what_cannot_be_taken_over_is_said():
    told = " ".join(read_reference(REFERENCE, 32).differences)

    for words in (
        "adapter of low rank",
        'scorer "/tmp/evil.py:Evil" is left out',
        "KLDivergence names no prompts",
        "quantised",
        "full_normalization_lora_rank",
        "mlp.down_proj: min_weight_distance lies outside",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("version",), "2", "version"),
        (("settings", "model"), "", "settings.model"),
        (("settings", "good_prompts"), "a/b", "settings.good_prompts"),
        (("settings", "good_prompts", "dataset"), 7, "settings.good_prompts.dataset"),
        (("settings", "scorers"), {}, "settings.scorers"),
        (("parameters", "abliteration_parameters"), [], "parameters.abliteration_parameters"),
        (("parameters", "direction_index"), "14", "parameters.direction_index"),
    ],
)
def test_a_file_that_is_not_as_the_reference_writes_it_is_refused_at_its_place(path, value, place):
    with pytest.raises(InvalidInputError) as error:
        read_reference(without(REFERENCE, *path, value=value), 32)
    assert problems(error) == {place}


def test_the_layers_of_the_model_have_to_be_known():
    with pytest.raises(InvalidInputError, match="n_layers: is needed"):
        read_reference(REFERENCE, None)
