"""Which tests run beside which, so that neither cores nor processes wait at the end.

Half of the processes, rounded down, begin with files that mostly wait, for servers or for pages,
the others with those that compute; long files come first.
"""

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/system/house/",)  # one installation for the files of such a folder
WAITING = (
    "tests/system/house/",
    "tests/system/test_bench_web.py",
    "tests/system/test_scale_out.py",
    "tests/web/browser/test_every_page.py",
    "tests/web/browser/",  # its browser lasts as long as its package is not left
    "tests/system/",
)
LONG = (
    "tests/engine/test_every_family.py",
    "tests/studies/test_runner.py",
    "tests/engine/test_bench.py",
    "tests/engine/test_directional.py",
    "tests/studies/",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Sort by folder alone: whatever order the tests have otherwise stays."""
    places = (*WAITING, *LONG)
    items.sort(key=lambda item: _first(item.nodeid, places, len(places)))


def _first(path, beginnings, otherwise):
    found = (at for at, beginning in enumerate(beginnings) if path.startswith(beginning))
    return next(found, otherwise)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return TwoKinds(config, log) if config.getvalue("dist") == "loadfile" else None


class TwoKinds(LoadFileScheduling):
    """Hands each process a file of its kind, as long as there is one."""

    def _split_scope(self, nodeid):
        return next(filter(nodeid.startswith, TOGETHER), super()._split_scope(nodeid))

    def _assign_work_unit(self, node):
        waits = int(node.gateway.id.removeprefix("gw")) < self.numnodes // 2
        alike = (path for path in self.workqueue if path.startswith(WAITING) == waits)
        self.workqueue.move_to_end(next(alike, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)
