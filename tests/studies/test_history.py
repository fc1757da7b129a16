import pytest

from studies.contents import Place, contents_of
from studies.history import FIRST, UNRECORDED, recorded, version_read, versions_of
from studies.models import ModelOverride, ParameterSpec, Profile, PromptSet, ScorerSpec


@pytest.fixture
def preset(make_profile):
    return make_profile("mine", name="Mine", settings={"n_trials": 50})


def spec(preset, value, parameter="max_weight", **fields):
    row = ParameterSpec(profile=preset, parameter=parameter, **fields)
    row.raw = value
    row.save()
    return row


def history(preset):
    return [version_read(stored) for stored in versions_of(preset)]


def test_a_recorded_change_keeps_who_why_and_what_it_was_before(preset, make_user):
    with recorded(make_user("editor"), "Narrowed"):
        spec(preset, {"low": 0, "high": 1})

    new, first = history(preset)
    assert (new.user, new.comment) == ("editor", "Narrowed")
    assert (first.user, first.comment) == ("", FIRST)
    assert not first.contents.parameters
    assert list(new.contents.parameters.values()) == [{"low": 0, "high": 1}]
    assert new.contents == contents_of(preset)


def test_rows_of_every_kind_are_kept_and_so_are_those_deleted_since(preset):
    with recorded(None, "Filled"):
        row = spec(preset, [0, 1])
        over = ModelOverride(profile=preset, pattern="google/*", parameter="max_weight")
        over.raw = 1
        over.save()
        prompts = PromptSet.objects.get(slug="bad-test")
        ScorerSpec.objects.create(profile=preset, scorer="KeywordRate", prompts=prompts)
    with recorded(None, "Emptied"):
        row.delete()
        over.delete()
        preset.scorers.all().delete()
    prompts.delete()

    emptied, filled, _ = history(preset)
    assert [str(place) for place, _ in emptied.contents.places()][-1] == "n_trials"
    places = {str(place): value for place, value in filled.contents.places()}
    assert places["max_weight"] == [0, 1]
    assert places["google/*: max_weight"] == 1
    assert places["scorers"][0]["settings"]["prompts"].startswith("(deleted prompt set")


def test_what_changes_nothing_makes_no_version(preset):
    with recorded(None, "First"):
        preset.description = "New"
        preset.save()
    with recorded(None, "Again"):
        Profile.objects.get(pk=preset.pk).save()

    assert [version.comment for version in history(preset)] == ["First", FIRST]


def test_a_block_inside_another_is_one_version_with_the_outer_ones_words(preset, make_user):
    with recorded(make_user("outer"), "Imported"):
        with recorded(None, "Changed"):
            spec(preset, 1)
        preset.description = "New"
        preset.save()

    assert [(v.user, v.comment) for v in history(preset)] == [("outer", "Imported"), ("", FIRST)]


def test_a_failed_block_keeps_neither_change_nor_version(preset):
    with pytest.raises(ZeroDivisionError), recorded(None, "Broken"):
        spec(preset, 1)
        _ = 1 / 0

    assert not preset.specs.exists()
    assert history(preset) == []
    with recorded(None, "Works again"):
        spec(preset, 1)
    assert len(history(preset)) == 2


def test_a_change_past_the_record_is_not_charged_to_the_next_editor(preset, make_user):
    with recorded(None, "First"):
        spec(preset, 1)
    Profile.objects.filter(pk=preset.pk).update(description="From a shell")
    with recorded(make_user("editor"), "Second"):
        spec(preset, 2, parameter="min_weight_relative")

    assert [version.comment for version in history(preset)][:2] == ["Second", UNRECORDED]


def test_a_place_reads_as_in_a_parameter_file():
    assert str(Place("parameters", "max_weight", component="attn.o_proj")) == (
        'max_weight["attn.o_proj"]'
    )
    assert str(Place("overrides", "max_weight", "google/*")) == "google/*: max_weight"
