"""Setting up: idempotent, with a secret of its own, and closed to the outside by default."""

import sqlite3
import subprocess
from contextlib import closing

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.system.conftest import MANAGE


def test_a_second_quickstart_changes_nothing(installation):
    def contents():
        with closing(sqlite3.connect(installation.folder / "heretic.sqlite3")) as database:
            rows = list(database.iterdump())
        return rows, sorted(map(str, installation.folder.rglob("*")))

    before = contents()

    assert installation.manage("quickstart") == ""
    assert contents() == before


@pytest.mark.skipif(connection.vendor != "sqlite", reason="an installation begins with SQLite")
def test_migrations_make_the_tables_that_the_models_describe(installation, db):
    migrated = connection.copy()
    migrated.settings_dict["NAME"] = str(installation.folder / "heretic.sqlite3")

    made, described = tables_of(migrated), tables_of(connection)
    migrated.close()

    assert made.pop("django_migrations")
    assert made == described


def tables_of(database):
    """Columns, references, indexes and constraints by table; constraints have no names of use."""
    introspection = database.introspection
    with database.cursor() as cursor:
        names = [table.name for table in introspection.get_table_list(cursor)]
        return {
            name: (
                {
                    column[0]: column[1:]
                    for column in introspection.get_table_description(cursor, name)
                },
                sorted(map(str, introspection.get_constraints(cursor, name).values())),
            )
            for name in names
        }


def test_the_password_is_neither_stored_nor_logged_in_clear(installation):
    for file in installation.folder.rglob("*"):
        if file.is_file():
            assert installation.password.encode() not in file.read_bytes(), file


def test_the_secret_key_is_private_to_its_installation(installation):
    key = installation.folder / "secret_key"

    assert len(key.read_text()) >= 50
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("host", ["192.168.1.1", "example.org"])
def test_debug_is_refused_on_an_address_that_others_reach(settings, host):
    settings.DEBUG = True

    with pytest.raises(CommandError, match=f"DEBUG .* refused on {host}"):
        call_command("serve", host=host)


def test_debug_of_the_environment_is_refused_as_well(installation):
    started = subprocess.run(
        [*MANAGE, "serve", "--host", "0.0.0.0"],
        env=installation.environment | {"DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert started.returncode != 0
    assert "DEBUG" in started.stderr
