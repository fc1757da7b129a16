import pytest

from studies.frozen import prompt_sets_used
from studies.models import Profile, PromptSet
from studies.parameters import profile_resolve
from studies.starters import starters_seed

pytestmark = pytest.mark.django_db


def test_every_starter_preset_is_complete_and_refers_to_prompt_sets_that_exist():
    starters_seed()

    assert set(Profile.objects.values_list("slug", flat=True)) == {
        "demo",
        "refusals",
        "no-slop",
        "no-humour",
    }
    for profile in Profile.objects.all():
        resolution = profile_resolve(profile)
        resolution.check()
        used = prompt_sets_used({s.name: s.value for s in resolution.settings.values()})
        assert PromptSet.objects.filter(slug__in=used).count() == len(used)


def test_the_stored_settings_and_scorers_of_a_starter_pass_the_checks_of_the_admin():
    starters_seed()

    for row in [*PromptSet.objects.all(), *Profile.objects.all()]:
        row.full_clean()


def test_seeding_again_brings_back_nothing_that_a_user_changed():
    starters_seed()
    Profile.objects.get(slug="no-slop").delete()
    Profile.objects.filter(slug="demo").update(name="Mine")

    assert starters_seed() == []
    assert Profile.objects.get(slug="demo").name == "Mine"
    assert not Profile.objects.filter(slug="no-slop").exists()
