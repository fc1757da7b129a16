"""A small heap for the garbage collector, however much the tests have imported."""

import gc

import pytest

gc.disable()  # looking for what could go took a fifth of the time to import everything


def pytest_collection_finish():
    """Set aside what is there before the first test: a million objects, none of which will go.

    To look through them takes half a second, and each model that is dropped asks for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # rows and pages come and go by the thousand
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _set_aside():
    """Set aside what a module has left, too: most of it was imported."""
    yield
    gc.freeze()
