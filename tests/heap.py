"""A small heap for the garbage collector, however much the tests have imported."""

import gc


def pytest_collection_finish():
    """Set aside what is there before the first test: a million objects, none of which will go.

    To look through them takes half a second, and each model that is dropped asks for it.
    """
    gc.collect()
    gc.freeze()
