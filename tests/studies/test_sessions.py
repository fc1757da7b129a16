"""The session that a worker keeps: used again for the same work, and never for other work."""

import shutil

import pytest

from studies import commands
from studies.engine import opening
from studies.engine.ports import Silent, Stopped
from studies.runner import sessions
from studies.runner.sessions import prepared_session
from tests.studies.tiny_studies import TINY_SETTINGS

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_tiny_study(make_profile, make_user, tiny_model_root):
    profile, owner = make_profile(settings=TINY_SETTINGS), make_user()

    def make(**settings):
        return commands.study_create(
            owner, model="tiny", profile=profile, settings=settings, start=False
        )

    return make


@pytest.fixture
def loads(monkeypatch):
    """The list of models that were loaded."""
    seen, load = [], opening.load_model

    def counted(path, **options):
        seen.append(path)
        return load(path, **options)

    monkeypatch.setattr(opening, "load_model", counted)
    return seen


def get(study):
    return prepared_session(study, Silent(), Silent())


def test_a_second_job_on_the_same_work_needs_no_loading(make_tiny_study, loads):
    study = make_tiny_study()

    assert get(study) is get(study)
    assert len(loads) == 1


def test_studies_that_differ_in_their_search_alone_share_the_session(make_tiny_study, loads):
    first, second = make_tiny_study(), make_tiny_study(n_trials=9)
    row = next(r for r in second.snapshot["parameters"] if r["name"] == "direction_fraction")
    row["value"] = 0.5

    before = get(first)
    after = get(second)

    assert after is before
    assert 0.5 in after.session.resolved.values()
    assert len(loads) == 1


def test_another_setting_means_another_session(make_tiny_study, loads):
    get(make_tiny_study())
    get(make_tiny_study(row_normalization="none"))

    assert len(loads) == 2


def test_a_model_whose_files_changed_is_loaded_again(
    make_tiny_study, loads, tmp_path, settings, tiny_model_root
):
    shutil.copytree(tiny_model_root / "tiny", tmp_path / "tiny")
    settings.MODEL_ROOTS = [tmp_path]
    study = make_tiny_study()
    get(study)
    (tmp_path / "tiny" / "config.json").touch()

    get(study)

    assert len(loads) == 2


def test_short_memory_drops_the_session_when_a_job_is_over(make_tiny_study, loads, monkeypatch):
    study = make_tiny_study()
    get(study)
    sessions.session_rest()
    get(study)
    assert len(loads) == 1

    monkeypatch.setattr(sessions, "LEAST_FREE", 1.1)
    sessions.session_rest()
    get(study)

    assert len(loads) == 2


def test_the_session_asks_the_job_that_uses_it_now(make_tiny_study):
    class Full:
        def check(self):
            raise Stopped

    study = make_tiny_study()
    get(study)
    prepared = prepared_session(study, Silent(), Full())

    with pytest.raises(Stopped):
        prepared.session.evaluate({})
    sessions.session_rest()
    prepared.ports.check()


def test_what_a_study_found_by_trying_is_not_searched_again(make_tiny_study, monkeypatch):
    study = make_tiny_study(batch_size=0)
    study.facts = {"batch_size": 2, "response_prefix": "So"}

    facts = get(study).facts

    assert (facts.batch_size, facts.response_prefix) == (2, "So")


def test_a_later_study_recalls_what_the_original_computed(make_tiny_study, settings, tmp_path):
    settings.CACHE_GB, settings.CACHE_DIR = 1, tmp_path / "cache"
    first = get(make_tiny_study())
    kept = sorted(settings.CACHE_DIR.rglob("*.safetensors"))
    sessions.session_drop()
    second = get(make_tiny_study(n_trials=9, kl_limit=0.5))

    assert len(kept) == 4, "the answers to two sets, and the residuals of two"
    assert sorted(settings.CACHE_DIR.rglob("*.safetensors")) == kept
    assert second.session is not first.session
    assert second.facts == first.facts


def test_nothing_is_kept_where_no_room_is_given(make_tiny_study, settings, tmp_path):
    settings.CACHE_GB, settings.CACHE_DIR = 0, tmp_path / "cache"
    get(make_tiny_study())
    assert not settings.CACHE_DIR.exists()
