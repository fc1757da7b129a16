import pytest

from tests.system.conftest import Installation


@pytest.fixture(scope="package")
def _built(begun, tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("house"), begun=begun)
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(_built):
    """One installation for all tests of this folder, web server and worker running."""
    _built.revive()
    return _built
