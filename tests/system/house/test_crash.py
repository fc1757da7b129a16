"""Finished trials survive a kill -9 of any process; the study goes on from there."""

import time
from types import SimpleNamespace

import psutil
import pytest

from tests.system.conftest import kill_tree, wait_for

N_TRIALS, N_MORE = 12, 8
SETTINGS = {
    "n_trials": N_TRIALS,
    "n_startup_trials": 4,
    "batch_size": 100,
    "trials_per_batch": 1,  # each is seen, and there is time between them
}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def study(house):
    """A study that has lost its worker and then the web server, and what was seen of it."""
    study_id = started(house)
    house.wait_for_study(study_id, lambda s: s["n_finished"] >= 2, 90, "two trials")
    time.sleep(0.3)  # somewhere inside a trial
    children = kill_consumer(house)
    wait_for(lambda: not any(lives(child) for child in children), 5, "the children's end")
    kept = trials(house, study_id)

    house.start_worker()
    went_on = house.wait_for_study(
        study_id, lambda s: s["n_finished"] > len(kept), 60, "another trial"
    )
    kill_tree(house.web)
    house.start_web()
    done = house.wait_for_study(study_id, has_ended, 120, "the end of the study")
    return SimpleNamespace(
        id=study_id, kept=kept, went_on=went_on, done=done, trials=trials(house, study_id)
    )


def started(house):
    body = {"model": "demo", "profile": "demo", "settings": SETTINGS}
    made = house.client().post("/api/v1/studies", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def kill_consumer(house):
    """kill -9 the worker alone, so that its children have to see it; return them."""
    consumer = house.worker
    children = psutil.Process(consumer.pid).children(recursive=True)
    assert children
    consumer.kill()
    consumer.wait()
    return children


def lives(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def has_ended(study):
    return study["status"] in ("completed", "failed")


def trials(house, study_id):
    """What stays of each trial, whatever comes later: later ones change who is on the front."""
    answer = house.client().get(f"/api/v1/studies/{study_id}/trials?limit=500")
    rows = answer.raise_for_status().json()["items"]
    return [{name: row[name] for name in ("number", "parameters", "scores")} for row in rows]


def test_a_study_survives_kill_9_of_its_worker(study):
    assert 2 <= len(study.kept) < N_TRIALS, "it was killed on the way"
    assert study.trials[: len(study.kept)] == study.kept
    assert [row["number"] for row in study.trials] == list(range(N_TRIALS))
    assert len({str(row["parameters"]) for row in study.trials}) == N_TRIALS


def test_a_study_goes_on_without_the_web_server(study):
    assert study.went_on["status"] == "running", "it was killed on the way"
    done = study.done
    assert (done["status"], done["n_finished"], done["n_failed"]) == ("completed", N_TRIALS, 0)


def test_extend_stop_and_resume_through_the_api(house, study):
    client, path = house.client(), f"/api/v1/studies/{study.id}"

    assert client.post(f"{path}/extend", json={"n_trials": N_MORE}).status_code == 202
    house.wait_for_study(study.id, lambda s: s["n_finished"] > N_TRIALS, 60, "one trial more")
    assert client.post(f"{path}/stop").status_code == 202
    stopped = house.wait_for_study(study.id, lambda s: s["status"] == "stopped", 10, "the stop")
    assert N_TRIALS < stopped["n_finished"] < N_TRIALS + N_MORE

    assert client.post(f"{path}/resume").status_code == 202
    done = house.wait_for_study(study.id, has_ended, 60, "the end")
    assert (done["status"], done["n_trials"]) == ("completed", N_TRIALS + N_MORE)
    rows = trials(house, study.id)
    assert rows[:N_TRIALS] == study.trials
    assert len({str(row["parameters"]) for row in rows}) == N_TRIALS + N_MORE
