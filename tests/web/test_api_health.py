from datetime import timedelta

from django.utils import timezone

from studies.models import Worker


def test_health_needs_no_login_and_shows_the_workers_that_are_there(client, db):
    now = timezone.now()
    for name, seen in (("here", now), ("gone", now - timedelta(hours=1))):
        Worker.objects.create(id=name, device="cpu", started_at=now, seen_at=seen)

    response = client.get("/api/v1/health")

    assert response.status_code == 200
    answer = response.json()
    assert answer["status"] == "ok"
    assert answer["version"]
    [worker] = answer["workers"]
    assert worker["seen_seconds_ago"] < 60
    assert {k: worker[k] for k in ("id", "state", "device")} == {
        "id": "here",
        "state": "idle",
        "device": "cpu",
    }


def test_health_opens_no_session(client, db):
    assert not client.get("/api/v1/health").cookies
