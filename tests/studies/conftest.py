import pytest

from studies.runner.sessions import session_drop
from tests.engine.tiny import save_tiny


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory):
    """A model root with one random model in it, called tiny."""
    root = tmp_path_factory.mktemp("models")
    save_tiny("llama", root / "tiny")
    return root


@pytest.fixture
def tiny_model_root(tiny_model_folder, settings):
    settings.MODEL_ROOTS = [tiny_model_folder]
    return tiny_model_folder


@pytest.fixture(autouse=True)
def _no_kept_session():
    """Let no test use the model that another one has loaded."""
    yield
    session_drop()
