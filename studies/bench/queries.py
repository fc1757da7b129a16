"""Counts the queries behind each address, and what they take inside the database."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

Json = dict[str, Any]


def queries_of(paths: dict[str, str]) -> Json:
    """Ask for each address once, as staff, and once before that does not count."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(
        User.objects.get(username="admin"), "django.contrib.auth.backends.ModelBackend"
    )
    return {name: _asked(client, path) for name, path in paths.items()}


def _asked(client: Client, path: str) -> Json:
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    slowest = max(queries.captured_queries, key=lambda query: float(query["time"]), default=None)
    return {
        "status": answer.status_code,
        "queries": len(queries),
        "seconds": sum(float(query["time"]) for query in queries.captured_queries),
        "slowest": slowest and [float(slowest["time"]), slowest["sql"][:2000]],
    }
