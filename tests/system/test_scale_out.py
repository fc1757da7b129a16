"""The same product on PostgreSQL and Redis, by two environment variables."""

from contextlib import contextmanager

import pytest

from tests.system.conftest import START_SECONDS, Installation, wait_for
from tests.system.services import postgres_url, redis_url

pytestmark = pytest.mark.timeout(360)


@pytest.fixture(scope="module")
def begun_on_postgres(tmp_path_factory):
    """An installation as quickstart leaves it, to be copied; its rows are in one database."""
    with postgres_url() as database:
        made = Installation(tmp_path_factory.mktemp("begun"), DATABASE_URL=database)
        yield made
        made.close()


@contextmanager
def installation(begun, folder, **environment):
    database = begun.environment["DATABASE_URL"]
    found = Installation(folder, begun=begun, DATABASE_URL=database, **environment)
    try:
        found.start_web()
        wait_for(lambda: not found.workers(), 10, "the end of an earlier test's worker")
        found.start_worker()
        yield found
    finally:
        found.close()


def completed(installation, **settings):
    body = {"model": "demo", "profile": "demo", "settings": settings}
    made = installation.client().post("/api/v1/studies", json=body)
    assert made.status_code == 201, made.text
    done = installation.wait_for_study(
        made.json()["id"], lambda s: s["status"] in ("completed", "failed"), 120, "the end"
    )
    assert (done["status"], done["n_finished"]) == ("completed", settings["n_trials"])
    return done


def test_two_workers_complete_a_study_together_on_postgresql_and_redis(
    begun_on_postgres, tmp_path
):
    n_trials = 12
    with redis_url() as redis, installation(begun_on_postgres, tmp_path, REDIS_URL=redis) as found:
        found.start_worker()
        wait_for(lambda: len(found.workers()) == 2, START_SECONDS, "the second worker")
        done = completed(found, n_trials=n_trials, n_workers=2, trials_per_batch=1)
        trials = found.client().get(f"/api/v1/studies/{done['id']}/trials").json()["items"]
        jobs = found.client().get("/api/v1/jobs").json()["items"]

    assert sorted(trial["number"] for trial in trials) == list(range(n_trials))
    (helper,) = [job for job in jobs if job["kind"] == "study_help"]
    assert helper["status"] == "done"
    assert 0 < helper["result"]["n_trials"] < n_trials
