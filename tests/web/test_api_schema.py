"""The published description of the API.

A change of the API shows here first. When it is meant, renew the snapshot:
`python -m tests.web.test_api_schema`, and look at its diff.
"""

import json
import os
from pathlib import Path

SNAPSHOT = Path(__file__).parent / "openapi.json"


def described():
    from studies.api import api

    as_sent = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    return json.dumps(as_sent, indent=1, sort_keys=True) + "\n"


def test_the_api_is_the_one_that_is_published():
    assert json.loads(described()) == json.loads(SNAPSHOT.read_text())


def test_every_operation_documents_the_shape_of_its_errors():
    for operations in json.loads(described())["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heretic_web.settings")
    django.setup()
    SNAPSHOT.write_text(described())
