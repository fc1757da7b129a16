"""The same product on PostgreSQL and Redis, by two environment variables, with two workers."""

import pytest

from tests.system.conftest import START_SECONDS, Installation, wait_for
from tests.system.services import postgres_url, redis_url

pytestmark = pytest.mark.timeout(240)
N_TRIALS = 24


@pytest.fixture(params=[False, True], ids=["postgresql", "postgresql and redis"])
def installation(request, tmp_path):
    with postgres_url() as database, redis_url() as redis:
        with_redis = {"REDIS_URL": redis} if request.param else {}
        found = Installation(tmp_path, DATABASE_URL=database, **with_redis)
        try:
            found.start_web()
            found.start_worker()
            yield found
        finally:
            found.close()


def test_two_workers_complete_a_study_together(installation):
    installation.start_worker()
    wait_for(lambda: len(installation.workers()) == 2, START_SECONDS, "the second worker")
    wanted = {"n_trials": N_TRIALS, "n_workers": 2, "trials_per_batch": 1}
    body = {"model": "demo", "profile": "demo", "settings": wanted}
    made = installation.client().post("/api/v1/studies", json=body)
    assert made.status_code == 201, made.text

    done = installation.wait_for_study(
        made.json()["id"], lambda s: s["status"] in ("completed", "failed"), 120, "the end"
    )

    assert (done["status"], done["n_finished"]) == ("completed", N_TRIALS)
    trials = installation.client().get(f"/api/v1/studies/{done['id']}/trials").json()["items"]
    assert sorted(trial["number"] for trial in trials) == list(range(N_TRIALS))
    jobs = installation.client().get("/api/v1/jobs").json()["items"]
    (helper,) = [job for job in jobs if job["kind"] == "study_help"]
    assert helper["status"] == "done"
    assert 0 < helper["result"]["n_trials"] < N_TRIALS
