"""The same product on PostgreSQL and Redis, by two environment variables."""

import pytest

from tests.system.conftest import Installation
from tests.system.services import postgres_url, redis_url

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("with_redis", [False, True], ids=["postgresql", "postgresql and redis"])
def test_a_demo_study_completes(tmp_path, with_redis):
    with postgres_url() as database, redis_url() as redis:
        environment = {"DATABASE_URL": database} | ({"REDIS_URL": redis} if with_redis else {})
        installation = Installation(tmp_path, **environment)
        try:
            installation.start_web()
            installation.start_worker()
            body = {"model": "demo", "profile": "demo", "settings": {"n_trials": 3}}
            made = installation.client().post("/api/v1/studies", json=body)
            assert made.status_code == 201, made.text

            done = installation.wait_for_study(
                made.json()["id"], lambda s: s["status"] in ("completed", "failed"), 120, "the end"
            )
        finally:
            installation.close()

    assert (done["status"], done["n_finished"]) == ("completed", 3)
