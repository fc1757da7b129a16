"""Long files first, so that no worker is left alone with one at the end.

Files that mostly wait, for servers of their own or for pages, come between those that compute.
"""

import pytest

# In this order; the browser lasts as long as its package is not left.
LONG = (
    "tests/system/test_crash.py",
    "tests/system/test_scale_out.py",
    "tests/web/browser/test_every_page.py",
    "tests/engine/test_every_family.py",
    "tests/system/test_walk.py",
    "tests/system/test_bench_web.py",
    "tests/web/browser/",
    "tests/studies/test_runner.py",
    "tests/system/",
    "tests/studies/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Sort by folder alone: whatever order the tests have otherwise stays."""
    items.sort(key=_place)


def _place(item):
    return next((at for at, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))
