"""Long files first, so that no worker is left alone with one at the end."""

import pytest

# In this order; the browser lasts as long as its package is not left.
LONG = ("tests/web/browser/", "tests/engine/test_every_family.py", "tests/studies/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Sort by folder alone: whatever order the tests have otherwise stays."""
    items.sort(key=_place)


def _place(item):
    return next((at for at, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))
