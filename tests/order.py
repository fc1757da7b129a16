"""Long files first, so that no worker is left alone with one at the end.

Those of the system tests, which mostly wait for servers of their own, come between others.
"""

import pytest

# In this order; the browser lasts as long as its package is not left.
LONG = (
    "tests/system/test_crash.py",
    "tests/web/browser/test_every_page.py",
    "tests/system/test_scale_out.py",
    "tests/web/browser/test_live.py",
    "tests/system/test_walk.py",
    "tests/web/browser/",
    "tests/system/",
    "tests/engine/test_every_family.py",
    "tests/studies/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Sort by folder alone: whatever order the tests have otherwise stays."""
    items.sort(key=_place)


def _place(item):
    return next((at for at, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))
