"""Rows that were made by real work once, and are there again for each test that starts with them."""

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import serializers
from django.db import connection


def rows_kept():
    """Everything that the database holds of studies and users, as text."""
    owned = apps.get_app_config("studies").get_models()
    found = [row for model in (get_user_model(), *owned) for row in model.objects.order_by("pk")]
    return serializers.serialize("json", found)


def rows_restored(text):
    """Put the rows back, as they were, into a database without any of them."""
    with connection.constraint_checks_disabled():
        for row in serializers.deserialize("json", text):
            row.save()
    connection.check_constraints()
