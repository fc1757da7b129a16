"""Presets as files: imported into rows, and written from them."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from studies.commands import profile_heretic_toml, profile_import, profile_toml
from studies.commands.preset_file_rows import preset_of
from studies.engine.errors import InvalidInputError
from studies.engine.toml.preset import parse_preset
from studies.engine.toml.writing import write_preset
from studies.models import ModelOverride, ParameterSpec, Profile, PromptSet, ScorerSpec
from studies.parameters import profile_resolve
from studies.starters import seeding, starters_seed
from tests.engine.preset_examples import presets

REFERENCE = Path(__file__).parents[1] / "engine" / "reference"
TEXT = """
slug = "mine"
name = "Mine"
parent = "refusals"
n_trials = 50
empty = ["response_prefix"]

[[scorers]]
scorer = "KeywordRate"
name = "Refused"
settings = { prompts = "bad-test", keyword_markers = ["no"] }

[parameters]
direction_scope = "global"  # simpler

[parameters.max_weight]
"*" = 1
# Attention matters most.
"attn.o_proj" = { low = 1.0, high = 2 }

[overrides."google/gemma-3-*".parameters]
# Gemma has a norm behind it.
min_weight_relative = [0, 0.5]
"""
pytestmark = pytest.mark.django_db


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def base(make_profile):
    return make_profile()


def refused(*args, **kwargs):
    with pytest.raises(InvalidInputError) as caught:
        profile_import(*args, **kwargs)
    return {problem.place: problem.message for problem in caught.value.problems}


def counts():
    return [
        model.objects.count()
        for model in (Profile, ParameterSpec, ModelOverride, ScorerSpec, PromptSet)
    ]


def test_a_file_becomes_a_preset_with_its_rows_and_comments(user, base):
    made = profile_import(user, TEXT)

    profile = Profile.objects.get(slug="mine")
    assert (made.profile, list(made.notes)) == (profile, [])
    assert profile.parent == base
    assert profile.settings == {"n_trials": 50, "response_prefix": None}
    specs = {spec.place: (spec.raw, spec.comment) for spec in profile.specs.all()}
    assert specs == {
        "direction_scope": ("global", "simpler"),
        "max_weight": (1, ""),
        'max_weight["attn.o_proj"]': ({"low": 1.0, "high": 2}, "Attention matters most."),
    }
    ends = specs['max_weight["attn.o_proj"]'][0]
    assert [repr(number) for number in ends.values()] == ["1.0", "2"]
    override = profile.overrides.get()
    assert (override.pattern, override.raw) == ("google/gemma-3-*", [0, 0.5])
    assert override.comment == "Gemma has a norm behind it."
    scorer = profile.scorers.get()
    assert (scorer.name, scorer.optimization) == ("Refused", "minimize")
    assert (scorer.prompts.slug, scorer.options) == ("bad-test", {"keyword_markers": ["no"]})


def test_a_file_that_was_written_is_read_back_unchanged(user, base):
    profile = profile_import(user, TEXT).profile
    text = profile_toml(profile)
    before = preset_of(profile)

    profile.delete()
    again = profile_import(user, text).profile

    assert preset_of(again) == before
    assert profile_toml(again) == text
    for piece in (
        "# simpler\n",
        "# Attention matters most.\n",
        "{low = 1.0, high = 2}",
        '"*" = 1\n',
    ):
        assert piece in text


def test_a_taken_slug_is_refused_unless_it_is_to_be_replaced(user, base):
    first = profile_import(user, TEXT).profile
    before = counts()

    assert refused(user, TEXT).keys() == {"slug"}
    assert counts() == before

    shorter = 'slug = "mine"\nname = "Mine"\n[parameters]\nmax_weight = 2.0'
    replaced = profile_import(user, shorter, replace=True).profile

    assert replaced.pk == first.pk
    assert [(spec.place, repr(spec.raw)) for spec in replaced.specs.all()] == [
        ("max_weight", "2.0")
    ]
    assert (replaced.parent, replaced.settings) == (None, {})
    assert not replaced.overrides.exists()
    assert not replaced.scorers.exists()


def test_a_row_that_stays_is_the_same_row(user, base):
    profile = profile_import(user, TEXT).profile
    rows = {row.place: row.pk for row in profile.specs.all()}

    profile_import(user, TEXT.replace('"global"', '"per layer"'), replace=True)

    assert {row.place: row.pk for row in profile.specs.all()} == rows
    assert profile.specs.get(parameter="direction_scope").raw == "per layer"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (('parent = "refusals"', 'parent = "nobody"'), "parent"),
        (('"bad-test"', '"nothing"'), "scorers[0].settings.prompts"),
        (("n_trials = 50", 'good_prompts = "nothing"'), "good_prompts"),
        (('name = "Mine"', 'name = "Refusals"'), "name"),
        (('name = "Refused"', f'name = "{"n" * 61}"'), "scorers[0].name"),
        (("n_trials = 50", "n_trials = 0"), "n_trials"),
        (("n_trials = 50", "n_trials ="), "line 5"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing_behind(user, base, change, place):
    before = counts()

    assert refused(user, TEXT.replace(*change)).keys() == {place}
    assert counts() == before


def test_presets_cannot_be_imported_in_a_circle(user, base):
    profile_import(user, TEXT)

    assert "parent" in refused(
        user, 'slug = "refusals"\nname = "Refusals"\nparent = "mine"', replace=True
    )
    base.refresh_from_db()
    assert base.parent is None


def test_a_preset_keeps_its_own_name_when_it_is_replaced(user, base):
    profile_import(user, TEXT)
    made = profile_import(user, 'slug = "mine"\nn_trials = 3', replace=True)

    assert made.profile.name == "Mine"
    assert [note.place for note in made.notes] == ["name"]


def test_names_that_a_file_lacks_are_made_up_and_noted(user, base):
    made = [profile_import(user, "n_trials = 5", fallback_name="My Config").profile for _ in "12"]
    unnamed = profile_import(user, 'model = "google/gemma-3-4b-it"')

    assert [(p.slug, p.name) for p in made] == [
        ("my-config", "My Config"),
        ("my-config-2", "My Config 2"),
    ]
    assert unnamed.profile.slug == "google-gemma-3-4b-it"
    assert {note.place for note in unnamed.notes} == {"slug", "name"}
    assert refused(user, "n_trials = 5", replace=True).keys() == {"slug"}


@pytest.mark.parametrize("name", ["refusals", "noslop", "nohumour"])
def test_each_published_configuration_of_the_reference_tool_can_be_imported(user, db, name):
    made = profile_import(user, (REFERENCE / f"{name}.toml").read_bytes(), fallback_name=name)

    profile_resolve(made.profile).check()
    assert made.notes
    assert PromptSet.objects.filter(owner=user).exists()


def test_a_described_prompt_set_is_found_again_if_it_is_the_same(user, db):
    starters_seed()
    text = (REFERENCE / "refusals.toml").read_text()

    profile = profile_import(user, text).profile

    assert profile.settings["good_prompts"] == "harmless"
    assert not PromptSet.objects.filter(owner=user).exists()
    profile_import(user, text.replace("train[:400]", "train[:300]"))
    assert set(PromptSet.objects.filter(owner=user).values_list("slug", "split")) == {
        ("harmless-alpaca-train", "train[:300]"),
        ("harmful-behaviors-train", "train[:300]"),
    }


def test_a_described_prompt_set_takes_no_slug_that_is_taken(user, db):
    PromptSet.objects.create(slug="b-train", name="Other", text="one")

    profile = profile_import(
        user, '[good_prompts]\ndataset = "a/b"\nsplit = "train"\ncolumn = "text"'
    ).profile

    assert profile.settings["good_prompts"] == "b-train-2"


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ('dataset = "a/b"\ncolumn = "text"', "good_prompts.split"),
        ('dataset = "a/b"\ncolumn = "text"\nsplit = "train[:0]"', "good_prompts.split"),
        ('dataset = "/etc"\ncolumn = "text"\nsplit = "train"', "good_prompts.dataset"),
        ('dataset = "../../etc/passwd.txt"', "good_prompts.dataset"),
        ('dataset = "nowhere.txt"', "good_prompts.dataset"),
    ],
)
def test_a_described_prompt_set_that_cannot_be_used_is_refused_at_its_place(
    user, db, table, place
):
    fine = '[bad_prompts]\ndataset = "a/c"\nsplit = "train"\ncolumn = "text"\n'

    assert refused(user, f"{fine}[good_prompts]\n{table}").keys() == {place}
    assert not Profile.objects.exists()
    assert not PromptSet.objects.exists()


def test_a_row_edited_past_the_checks_is_not_written(user, base):
    spec = ParameterSpec(profile=base, parameter="max_weight", component="attn.o_proj")
    spec.raw = {"low": 2, "high": 1}
    spec.save()

    with pytest.raises(InvalidInputError, match=r'max_weight\["attn.o_proj"\]\.high'):
        profile_toml(base)


def test_the_table_for_heretic_is_what_the_preset_comes_to_for_a_model(user, base):
    profile = profile_import(user, TEXT).profile

    assert "min_weight_relative = {low = 0.0, high = 1.0}\n" in profile_heretic_toml(profile)
    text = profile_heretic_toml(profile, "google/gemma-3-4b-it")
    assert "min_weight_relative = [0, 0.5]\n" in text
    assert '"attn.o_proj" = {low = 1.0, high = 2}\n"mlp.down_proj" = 1\n' in text
    assert "*" not in text


def test_the_examples_in_the_starter_files_are_right(user, db):
    starters_seed()
    for file in seeding.PRESET_FILES:
        lines = (seeding.FOLDER / file).read_text().splitlines()
        text = "\n".join(
            line.removeprefix("#:").removeprefix(" ") if line.startswith("#:") else line
            for line in lines
        )
        profile = profile_import(user, text, replace=True).profile
        profile_resolve(profile).check()
    spec = Profile.objects.get(slug="refusals").specs.get(component="mlp.down_proj")
    assert spec.comment == "below 0 counts as 0: often left alone"


class TestRandomPresets(TestCase):
    @example_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(presets(st.sampled_from(["one", "two"])))
    def test_exporting_and_importing_changes_nothing(self, preset):
        for slug in ("one", "two"):
            PromptSet.objects.create(slug=slug, name=slug, text="a prompt")
        text = write_preset(preset)

        profile = profile_import(None, text).profile

        assert preset_of(Profile.objects.get(pk=profile.pk)) == parse_preset(text)
        assert profile_toml(profile) == text


def test_the_commands_import_and_export_a_file(base, tmp_path, capsys):
    file = tmp_path / "my-config.toml"
    file.write_text(TEXT.replace('slug = "mine"\n', ""))

    call_command("import_profile", str(file))
    out, err = capsys.readouterr()
    assert out == "mine\n"
    assert err == 'slug: is not in the file; "mine" was taken\n'
    call_command("export_profile", "mine")
    file.write_text(capsys.readouterr().out)
    call_command("import_profile", str(file), "--replace")
    assert capsys.readouterr().out == "mine\n"
    call_command("export_profile", "mine", "--heretic", "--model", "google/gemma-3-4b-it")
    assert "min_weight_relative = [0, 0.5]\n" in capsys.readouterr().out


def test_the_commands_say_what_is_wrong(base, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text("n_trials = 0\nseed = -1")

    with pytest.raises(CommandError, match=r"n_trials: must be at least 1.*\n  seed: must be"):
        call_command("import_profile", str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_profile", str(tmp_path / "nothing.toml"))
    with pytest.raises(CommandError, match="no preset 'nothing'"):
        call_command("export_profile", "nothing")
