"""The database of the tests: made from the models, and emptied after each test in milliseconds."""

from contextlib import contextmanager

import pytest
from django.core.management.color import no_style
from django.db import connection, connections, transaction
from django.test import TransactionTestCase

# Django's own, which `migrate` fills and which the rows of tests point to.
LASTING = ("django_content_type", "auth_permission")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, tmp_path_factory):
    """Keep SQLite's test database in a file: threads and servers of tests share it.

    Its tables are made from the models, in a fifth of the time that the migrations take;
    a test compares what these make.
    """
    test_settings = connection.settings_dict["TEST"]
    test_settings["MIGRATE"] = False
    if connection.vendor == "sqlite":
        test_settings["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _quick_flush():
    """Empty the tables after a test with transactions, but let what they all begin with stay.

    Django also deletes the permissions, and then makes them anew: 0.3 s for each such test.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _emptied)
        yield


def _emptied(case):
    for name in case._databases_names(include_mirrors=False):
        database = connections[name]
        tables = database.introspection.django_table_names(only_existing=True, include_views=False)
        chosen = [table for table in tables if table not in LASTING]
        database.ops.execute_sql_flush(database.ops.sql_flush(no_style(), chosen))


@pytest.fixture(scope="module")
def shared_rows(django_db_setup, django_db_blocker):
    """Return a context manager: rows written within it are there for all tests of the module.

    What a test does to them is undone after it, as its own transaction lies within this one;
    so none of the module's tests may be one of those that commit.
    """

    @contextmanager
    def share():
        with django_db_blocker.unblock(), transaction.atomic():
            yield
            transaction.set_rollback(True)

    return share
