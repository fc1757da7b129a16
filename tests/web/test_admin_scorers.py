import pytest

from studies.models import PromptSet
from tests.web.admin_forms import errors_of, new_rows, posted


@pytest.fixture
def preset(make_profile):
    return make_profile("mine", settings={})


@pytest.fixture
def save(admin_client, preset):
    """Return a function that adds scorer rows to the preset; `prompts` is filled in."""
    url = f"/admin/studies/profile/{preset.pk}/change/"
    prompts = PromptSet.objects.get(slug="bad-test").pk

    def add(*rows):
        rows = [{"prompts": prompts, "optimization": "minimize", "position": 0} | r for r in rows]
        return admin_client.post(url, posted(admin_client, url) | new_rows("scorers", *rows))

    return add


def test_a_scorer_keeps_the_settings_of_its_own_kind_only(save, preset):
    row = {
        "scorer": "KeywordRate",
        "option_KeywordRate_keyword_markers": "i can't\nsorry, but",
        "option_KLDivergence_n_prompts_0": "typed",
        "option_KLDivergence_n_prompts_1": "3",
    }

    assert save(row).status_code == 302

    (scorer,) = preset.scorers.all()
    assert scorer.options == {"keyword_markers": ["i can't", "sorry, but"]}


def test_a_bad_scorer_setting_has_its_error_on_its_own_field(save, preset):
    row = {
        "scorer": "KLDivergence",
        "option_KLDivergence_n_prompts_0": "typed",
        "option_KLDivergence_n_prompts_1": "0",
    }

    errors = errors_of(save(row))

    assert list(errors) == ["scorers-0-option_KLDivergence_n_prompts"]
    assert not preset.scorers.exists()


def test_two_scorers_of_one_name_are_refused(save):
    errors = errors_of(save({"scorer": "KeywordRate"}, {"scorer": "KeywordRate"}))

    assert list(errors) == ["scorers-1-name"]


def test_scorers_that_are_only_reported_are_refused(save, preset):
    response = save({"scorer": "KeywordRate", "optimization": "none"})

    assert "needs at least one scorer to minimize or maximize" in response.content.decode()
    assert not preset.scorers.exists()
