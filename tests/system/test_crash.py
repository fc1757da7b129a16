"""Finished trials survive a kill -9 of any process; the study goes on from there."""

import time

import psutil
import pytest

from tests.system.conftest import kill_tree, wait_for

N_TRIALS = 9
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def running(house):
    """The house, with what an earlier test has killed."""
    house.revive()
    return house


@pytest.fixture
def demo(running):
    """A demo study with its first trials done."""
    body = {
        "model": "demo",
        "profile": "demo",
        "settings": {"n_trials": N_TRIALS, "n_startup_trials": 4, "batch_size": 100},
    }
    study = running.client().post("/api/v1/studies", json=body)
    assert study.status_code == 201, study.text
    study_id = study.json()["id"]
    running.wait_for_study(study_id, lambda s: s["n_finished"] >= 2, 90, "two trials")
    return study_id


def trials(installation, study_id):
    answer = installation.client().get(f"/api/v1/studies/{study_id}/trials?limit=500")
    return answer.raise_for_status().json()["items"]


def test_a_study_survives_kill_9_of_its_worker(running, demo):
    consumer = running.worker
    children = psutil.Process(consumer.pid).children(recursive=True)
    assert children
    time.sleep(0.3)  # somewhere inside a trial

    consumer.kill()  # alone: its children have to see it
    consumer.wait()

    wait_for(lambda: not any(lives(child) for child in children), 5, "the children's end")
    before = trials(running, demo)
    running.start_worker()
    done = running.wait_for_study(
        demo, lambda s: s["status"] in ("completed", "failed"), 120, "the end of the study"
    )
    after = trials(running, demo)
    assert (done["status"], done["n_finished"], done["n_failed"]) == ("completed", N_TRIALS, 0)
    assert [row["number"] for row in after] == list(range(N_TRIALS))
    assert after[: len(before)] == before or {r["number"] for r in before} <= {
        r["number"] for r in after
    }
    assert len({str(row["parameters"]) for row in after}) == N_TRIALS


def lives(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_web_server_may_die_while_a_study_runs(running, demo):
    kill_tree(running.web)
    running.start_web()

    done = running.wait_for_study(demo, lambda s: s["status"] == "completed", 120, "the end")

    assert done["n_finished"] == N_TRIALS


def test_stop_resume_and_extend_through_the_api(running, demo):
    client = running.client()

    assert client.post(f"/api/v1/studies/{demo}/stop").status_code == 202
    stopped = running.wait_for_study(demo, lambda s: s["status"] == "stopped", 10, "the stop")
    assert 2 <= stopped["n_finished"] < N_TRIALS

    assert client.post(f"/api/v1/studies/{demo}/resume").status_code == 202
    running.wait_for_study(demo, lambda s: s["status"] == "completed", 90, "the end")
    extended = client.post(f"/api/v1/studies/{demo}/extend", json={"n_trials": 3})
    assert extended.status_code == 202
    done = running.wait_for_study(
        demo,
        lambda s: s["status"] == "completed" and s["n_finished"] == N_TRIALS + 3,
        60,
        "the extension",
    )
    rows = trials(running, demo)

    assert done["n_trials"] == N_TRIALS + 3
    assert len({str(row["parameters"]) for row in rows}) == N_TRIALS + 3
