"""The whole table, sent through one door."""

import logging

import pytest

from tests.bad_inputs import doors
from tests.bad_inputs.columns import COLUMNS
from tests.bad_inputs.names import NAMES
from tests.bad_inputs.settings import SETTINGS
from tests.bad_inputs.values import VALUES

TABLE = (*VALUES, *NAMES, *SETTINGS, *COLUMNS)


@pytest.fixture
def world(make_profile, make_user, api):
    make_profile("base")
    make_profile("taken", name="Taken")
    make_profile("third", name="Größe")
    user = make_user("editor", is_superuser=True)
    return user, api(user)


@pytest.fixture
def check(world, monkeypatch):
    """Return a function that sends the whole table through a door."""
    # It would tell of each refusal.
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)

    def through(door, least):
        before = doors.stored()
        table = [
            bad for bad in TABLE if door.name not in bad.without.split() and door.carries(bad)
        ]
        heard = [(bad, door.said(bad), door.expected(bad)) for bad in table]
        wrong = [
            f"{ascii(bad.document)[:300]}\n  said     {said}\n  expected {expected}"
            for bad, said, expected in heard
            if said != expected
        ]
        assert not wrong, "\n".join(wrong)
        assert len(table) >= least
        assert doors.stored() == before

    return through
