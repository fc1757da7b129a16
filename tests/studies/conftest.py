import shutil
from functools import partial

import optuna
import pytest
from optuna.storages import RDBStorage

from studies import commands
from studies.engine import search
from studies.runner.sessions import session_drop
from tests.engine.tiny import save_tiny
from tests.studies.tiny_studies import N_LAYERS, TINY_SETTINGS, tiny_parameters


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory):
    """A model root with one random model of two layers in it, called tiny."""
    root = tmp_path_factory.mktemp("models")
    save_tiny("llama", root / "tiny", num_hidden_layers=N_LAYERS)
    return root


@pytest.fixture
def tiny_model_root(tiny_model_folder, settings):
    settings.MODEL_ROOTS = [tiny_model_folder]
    return tiny_model_folder


@pytest.fixture(scope="session")
def optuna_tables(tmp_path_factory):
    """A file with Optuna's tables and nothing in them; making them takes 0.2 s each time."""
    file = tmp_path_factory.mktemp("optuna") / "empty.sqlite3"
    optuna.storages.RDBStorage(f"sqlite:///{file}").engine.dispose()
    return file


@pytest.fixture
def optuna_storage(optuna_tables, settings, tmp_path, monkeypatch):
    """Let the test's studies be searched in a file of its own, whose tables need no look."""
    file = shutil.copy(optuna_tables, tmp_path / "optuna.sqlite3")
    settings.OPTUNA_STORAGE = f"sqlite:///{file}"
    ready = {"skip_compatibility_check": True, "skip_table_creation": True}
    monkeypatch.setattr(search, "RDBStorage", partial(RDBStorage, **ready))


@pytest.fixture
def make_found(make_profile, make_user, make_trial, tiny_model_root):
    """Return a factory of studies on the tiny model, as if a search had found two trials."""

    def make(**settings):
        profile = make_profile(settings=TINY_SETTINGS | settings)
        study = commands.study_create(make_user(), model="tiny", profile=profile, start=False)
        for number, weight in enumerate((1.0, 1.4)):
            make_trial(study, number, is_pareto=True, parameters=tiny_parameters(weight))
        make_trial(study, 2, state="failed", responses=False)
        return study

    return make


@pytest.fixture(autouse=True)
def _no_kept_session():
    """Let no test use the model that another one has loaded."""
    yield
    session_drop()
