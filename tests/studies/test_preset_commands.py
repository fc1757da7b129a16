"""Presets and overrides as users create, change, copy and delete them."""

import pytest

from studies import commands
from studies.engine.errors import InvalidInputError
from studies.models import ModelOverride, Profile, PromptSet, ScorerSpec
from studies.parameters import profile_resolve
from studies.preset_rules import PresetInUseError
from studies.selectors.presets import preset_document

DOCUMENT = {
    "slug": "mine",
    "name": "Mine",
    "description": "Two\nlines",
    "parent": None,
    "method": "directional",
    "model": "google/gemma-3-4b-it",
    "is_active": True,
    "parameters": {
        "direction_scope": ["global", "per layer"],
        "max_weight": {"*": 1, "mlp.down_proj": {"low": 0, "high": 0.5}},
        "min_weight_relative": {"low": 0.001, "high": 1, "log": True},
    },
    "settings": {
        "n_trials": 30,
        "seed": None,
        "good_prompts": "good",
        "bad_prompts": "bad",
        "scorers": [
            {
                "scorer": "KeywordRate",
                "optimization": "minimize",
                "settings": {"prompts": "bad-test", "keyword_markers": ["sorry"]},
            }
        ],
    },
    "overrides": {
        "google/*": {"parameters": {"max_weight": {"attn.o_proj": 1.5}}},
        "google/gemma-3-*": {"parameters": {"direction_scope": "global"}},
    },
}


@pytest.fixture
def user(make_user, make_profile):
    make_profile("base")  # and the prompt sets
    return make_user("editor", is_superuser=True)


@pytest.fixture
def refused(user):
    """Return what a command says of a bad input: {place: message}; it leaves no trace."""

    def call(command, *arguments):
        before = counts()
        with pytest.raises(InvalidInputError) as caught:
            command(user, *arguments)
        assert counts() == before
        return {problem.place: problem.message for problem in caught.value.problems}

    return call


def counts():
    kinds = (Profile, ModelOverride, ScorerSpec, PromptSet)
    return [kind.objects.count() for kind in kinds] + list(Profile.objects.values())


def test_a_stored_preset_reads_as_the_document_that_made_it(user):
    assert preset_document(commands.profile_create(user, DOCUMENT)) == DOCUMENT


def test_what_is_wrong_in_any_part_is_said_at_once_and_nothing_is_stored(refused):
    bad = DOCUMENT | {
        "slug": "Mine!",
        "parent": "nobody",
        "parameters": {"max_weight": {"attn.o_proj": {"low": 2, "high": 1}}, "weight": 1},
        "settings": {"n_trials": 0},
        "overrides": {"google/*": {"parameters": {"max_weight": "x"}}},
    }

    places = refused(commands.profile_create, bad)

    assert set(places) == {
        "slug",
        'parameters.max_weight["attn.o_proj"].high',
        "parameters.weight",
        "settings.n_trials",
        'overrides["google/*"].parameters.max_weight',
    }


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"slug": "base"}, "slug", '"base" exists'),
        ({"name": "Base"}, "name", '"Base" exists'),
        ({"name": ""}, "name", "empty"),
        ({"parent": "nobody"}, "parent", 'no preset "nobody"'),
        ({"method": "directionl"}, "method", 'did you mean "directional"'),
        ({"model": "/etc"}, "model", "leads out"),
        ({"model": "http://169.254.1.1/x"}, "model", "URL"),
        ({"settings": {"good_prompts": "nowhere"}}, "settings.good_prompts", "no prompt set"),
        (
            {"settings": {"good_prompts": "good", "bad_prompts": "good"}},
            "settings.bad_prompts",
            "another prompt set",
        ),
        ({"speed": 1}, "speed", "not known"),
        ({"overrides": {"": {"parameters": {}}}}, 'overrides[""]', "empty"),
        (
            {"overrides": {"a/*": {"parameters": {}}}},
            'overrides["a/*"].parameters',
            "at least one",
        ),
        (
            {"overrides": {"a/*": {"settings": {}}}},
            'overrides["a/*"].settings',
            "not known",
        ),
        (
            {
                "overrides": {
                    "a/*b": {"parameters": {"max_weight": 1}},
                    "a/b*": {"parameters": {"max_weight": {"attn.o_proj": 1}}},
                }
            },
            'overrides["a/b*"].parameters.max_weight["attn.o_proj"]',
            '"a/*b"',
        ),
    ],
    ids=str,
)
def test_a_bad_part_is_named_at_its_place(refused, change, place, words):
    assert words in refused(commands.profile_create, DOCUMENT | change)[place]


def test_a_change_replaces_the_parts_that_are_given_and_keeps_the_rows_that_stay(user):
    profile = commands.profile_create(user, DOCUMENT)
    kept = profile.specs.get(parameter="direction_scope").pk

    parameters = {"direction_scope": "global", "max_weight": 2}
    commands.profile_update(user, profile, {"parameters": parameters, "name": "Other"})

    profile.refresh_from_db()
    assert profile.specs.get(parameter="direction_scope").pk == kept
    expected = DOCUMENT | {"parameters": parameters, "name": "Other"}
    assert preset_document(profile) == expected


def test_a_preset_cannot_be_based_on_itself_or_its_descendants(user, refused):
    first = commands.profile_create(user, {"slug": "first", "name": "First"})
    second = commands.profile_create(user, {"slug": "second", "name": "Second", "parent": "first"})
    commands.profile_create(user, {"slug": "third", "name": "Third", "parent": "second"})

    for slug in ("first", "second", "third"):
        assert "parent" in refused(commands.profile_update, first, {"parent": slug})
    commands.profile_update(user, second, {"parent": None})
    commands.profile_update(user, first, {"parent": "third"})


def test_a_preset_in_use_is_kept_and_can_be_deactivated(user, make_study):
    profile = commands.profile_create(user, DOCUMENT)
    commands.profile_create(user, {"slug": "child", "name": "Child", "parent": "mine"})
    make_study(profile=profile, name="Uses it")

    with pytest.raises(PresetInUseError) as caught:
        commands.profile_delete(user, profile)

    assert '1 study ("Uses it") and 1 preset ("Child")' in str(caught.value)
    commands.profile_update(user, profile, {"is_active": False})
    assert not Profile.objects.get(slug="mine").is_active


def test_a_preset_that_nothing_uses_goes_with_all_its_rows(user):
    commands.profile_delete(user, commands.profile_create(user, DOCUMENT))

    assert not Profile.objects.filter(slug="mine").exists()
    assert not ModelOverride.objects.exists()


def test_copies_set_the_same_under_names_of_their_own(user):
    profile = commands.profile_create(user, DOCUMENT)

    copies = [commands.profile_duplicate(user, profile) for _ in range(2)]
    named = commands.profile_duplicate(user, profile, {"slug": "other", "name": "Other"})

    assert [(copy.slug, copy.name) for copy in copies] == [
        ("mine-copy", "Mine (copy)"),
        ("mine-copy-2", "Mine (copy 2)"),
    ]
    assert preset_document(named) == DOCUMENT | {"slug": "other", "name": "Other"}


OVERRIDE = {
    "pattern": "google/*",
    "parameter": "max_weight",
    "component": "attn.o_proj",
    "value": {"low": 0, "high": 1},
}


def test_an_override_for_every_preset_decides_for_the_models_that_it_names(user):
    row = commands.override_create(user, OVERRIDE)
    commands.override_update(user, row, {"value": 1.25})

    resolution = profile_resolve(Profile.objects.get(slug="base"), "google/gemma")
    rows = {(r["name"], r["component"]): r for r in resolution.as_json()["parameters"]}
    assert rows["max_weight", "attn.o_proj"]["value"] == 1.25
    assert rows["max_weight", "attn.o_proj"]["source"] == "model override: google/*"
    commands.override_delete(user, row)
    assert not ModelOverride.objects.exists()


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({}, "pattern", "twice"),
        ({"pattern": "*google/"}, "pattern", '"google/*"'),
        ({"pattern": "*google/", "component": ""}, "pattern", '"google/*"'),
        ({"pattern": " "}, "pattern", "empty"),
        ({"parameter": "max_wieght"}, "parameter", "max_weight"),
        ({"component": "attn.oproj"}, "component", "attn.o_proj"),
        ({"value": {"low": 2, "high": 1}}, "value.high", "below low"),
        ({"value": 99}, "value", "within"),
        ({"method": "none"}, "method", "directional"),
        ({"preset": "mine"}, "preset", "not known"),
    ],
    ids=str,
)
def test_a_bad_override_is_named_at_its_place(user, refused, change, place, words):
    commands.override_create(user, OVERRIDE)

    problems = refused(commands.override_create, OVERRIDE | change)

    assert list(problems) == [place]
    assert words in problems[place]
