"""What is logged during a test, for the few that ask.

Pytest's own plugin looks through all loggers, thousands of them, six times in every test.
"""

import io
import logging

import pytest


@pytest.fixture
def logged():
    """Return a function that gives all that was logged so far, from DEBUG on."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    known = root.manager.loggerDict.values()
    alone = [one for one in known if isinstance(one, logging.Logger) and not one.propagate]
    for logger in (root, *alone):
        logger.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream.getvalue
    root.setLevel(level)
    for logger in (root, *alone):
        logger.removeHandler(handler)
