"""The same product on PostgreSQL and Redis, by two environment variables."""

from contextlib import contextmanager

import pytest

from tests.system.conftest import START_SECONDS, Installation, wait_for
from tests.system.services import postgres_url, redis_url

pytestmark = pytest.mark.timeout(360)
N_TRIALS = 12


@contextmanager
def two_workers(folder):
    """An installation with two workers; it is set up on PostgreSQL, without Redis yet."""
    with postgres_url() as database, redis_url() as redis:
        found = Installation(folder, DATABASE_URL=database)
        found.environment["REDIS_URL"] = redis
        try:
            found.start_web()
            found.start_worker()
            found.start_worker()
            wait_for(lambda: len(found.workers()) == 2, START_SECONDS, "the second worker")
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


def test_two_workers_complete_a_study_together_on_postgresql_and_redis(tmp_path):
    with two_workers(tmp_path) as found:
        done = completed(found, n_trials=N_TRIALS, n_workers=2, trials_per_batch=1)
        trials = found.client().get(f"/api/v1/studies/{done['id']}/trials").json()["items"]
        jobs = found.client().get("/api/v1/jobs").json()["items"]

    assert sorted(trial["number"] for trial in trials) == list(range(N_TRIALS))
    (helper,) = [job for job in jobs if job["kind"] == "study_help"]
    assert helper["status"] == "done"
    assert 0 < helper["result"]["n_trials"] < N_TRIALS
