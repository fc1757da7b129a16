"""Every bad input gets the same one message at the same place from every door."""

import pytest

from studies import commands
from tests.bad_inputs import doors
from tests.bad_inputs.admin_door import AdminForm


def test_the_engine(check):
    check(doors.Engine(), 250)


def test_an_override_of_a_preset(check):
    check(doors.PresetOverride(), 100)


@pytest.mark.parametrize(
    ("door", "least"),
    [
        (doors.NewPreset, 250),
        (doors.ChangedPreset, 250),
        (doors.Copy, 30),
        (doors.ResolvedStudy, 200),
        (doors.NewStudy, 200),
        (doors.GlobalOverride, 90),
    ],
)
def test_the_api(check, world, door, least):
    check(door(world[1]), least)


def test_an_imported_file(check, world):
    check(doors.Toml(lambda text: commands.profile_import(world[0], text)), 200)


def test_the_form_of_the_admin(check, world):
    check(AdminForm(world[0]), 100)
