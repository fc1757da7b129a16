"""Who is told of what: written with the occasion, signed, tried three times, seen by the user."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from studies import commands
from studies.commands.notices import MAX_TARGETS
from studies.courier import deliver_due
from studies.engine.errors import InvalidInputError
from studies.lifecycle import study_transition
from studies.models import NoticeDelivery, NoticeTarget
from studies.models.notice import NoticeEvent, NoticeKind
from studies.models.study import StudyStatus
from studies.notices import improved, notify

pytestmark = pytest.mark.django_db
PATH = "account/notifications"


@pytest.fixture
def receiver(settings):
    """A webhook's receiver: keeps what came, answers with `status`."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.calls = 204, calls
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    settings.WEBHOOK_TRUSTED_HOSTS = ["127.0.0.1"]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hook(user, url="https://example.org/hook", **occasions):
    return commands.notice_target_create(user, NoticeKind.WEBHOOK, url, occasions)


def due_now():
    NoticeDelivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_finished_study_is_told_to_its_owner_and_signed(make_study, receiver, settings):
    settings.PUBLIC_URL = "https://lab.example"
    study = make_study(status="running")
    _, secret = hook(study.owner, receiver.url)

    study_transition(study.pk, to=StudyStatus.COMPLETED)
    assert deliver_due() == 1

    headers, body = receiver.calls[0]
    told = json.loads(body)
    assert (told["event"], told["study"]["id"]) == ("finished", str(study.pk))
    assert told["study"]["url"] == f"https://lab.example/studies/{study.pk}/"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    delivery = NoticeDelivery.objects.get()
    assert (delivery.status, delivery.result) == ("sent", "It answered 204.")
    assert deliver_due() == 0


def test_a_failure_is_told_with_its_reason_and_a_stop_is_not(make_study):
    study = make_study(status="running")
    hook(study.owner)
    study_transition(study.pk, to=StudyStatus.FAILED, reason="Out of memory.")
    stopped = make_study(status="stopping", owner=study.owner)
    study_transition(stopped.pk, to=StudyStatus.STOPPED)

    payload = NoticeDelivery.objects.get().payload
    assert (payload["event"], payload["reason"]) == ("failed", "Out of memory.")


def test_what_is_rolled_back_is_told_to_nobody(make_study):
    study = make_study(status="running")
    hook(study.owner)

    with pytest.raises(RuntimeError), transaction.atomic():
        study_transition(study.pk, to=StudyStatus.COMPLETED)
        raise RuntimeError

    assert not NoticeDelivery.objects.exists()


def test_only_chosen_occasions_of_own_studies_reach_a_target(make_study, make_user):
    study = make_study()
    target, _ = hook(study.owner, on_new_best=True, on_failed=False)
    hook(make_user())

    assert notify(study.pk, NoticeEvent.NEW_BEST) == 1
    assert notify(study.pk, NoticeEvent.FAILED) == 0
    commands.notice_target_update(target, {"is_active": False})
    assert notify(study.pk, NoticeEvent.NEW_BEST) == 0


def test_a_new_best_is_one_that_betters_another():
    first = [{"name": "Refusals", "trial": 0}]
    second = [{"name": "Refusals", "trial": 3}]

    assert improved([], first) is None
    assert improved(first, first) is None
    assert improved(first, second) == second[0]


def test_a_failed_call_is_tried_three_times_with_pauses(make_study, receiver):
    study = make_study()
    receiver.status = 500
    target, _ = hook(study.owner, receiver.url)
    commands.notice_target_test(target)

    assert deliver_due() == 1
    assert deliver_due() == 0, "the second try has to wait"
    for _ in range(2):
        due_now()
        assert deliver_due() == 1
    due_now()
    assert deliver_due() == 0
    delivery = NoticeDelivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("failed", 3)
    assert delivery.result == "It answered 500."
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 1


def test_an_inner_address_is_never_called(make_study, receiver, settings):
    settings.WEBHOOK_TRUSTED_HOSTS = []
    study = make_study()
    target, _ = hook(study.owner, receiver.url.replace("http:", "https:"))
    commands.notice_target_test(target)

    deliver_due()

    assert receiver.calls == []
    assert "private or reserved" in NoticeDelivery.objects.get().result


def test_an_email_is_sent_to_the_accounts_own_address(make_user, make_study, settings):
    settings.EMAIL_IS_SET_UP = True
    owner = make_user(email="ann@example.org")
    study = make_study(owner=owner, status="running", name="Nightly")
    commands.notice_target_create(owner, NoticeKind.EMAIL, "", {})

    study_transition(study.pk, to=StudyStatus.FAILED, reason="Out of memory.")
    deliver_due()

    (message,) = mail.outbox
    assert message.to == ["ann@example.org"]
    assert message.subject == "Heretic Web: failed, Nightly"
    assert "Out of memory." in message.body


@pytest.mark.parametrize(("is_set_up", "email"), [(False, "a@example.org"), (True, "")])
def test_email_is_refused_where_none_can_be_sent(make_user, settings, is_set_up, email):
    settings.EMAIL_IS_SET_UP = is_set_up

    with pytest.raises(InvalidInputError, match="kind"):
        commands.notice_target_create(make_user(email=email), NoticeKind.EMAIL, "", {})


def test_there_are_only_so_many_targets(make_user):
    user = make_user()
    for _ in range(MAX_TARGETS):
        hook(user)

    with pytest.raises(InvalidInputError, match="at most"):
        hook(user)


def test_the_api_shows_a_secret_once_and_only_to_its_owner(api, make_user):
    owner, other = make_user(), make_user(is_staff=True)
    made = api(owner).post(PATH, {"kind": "webhook", "url": "https://example.org/h"})
    assert made.status_code == 201, made.content
    secret, number = made.json()["secret"], made.json()["id"]
    assert secret.startswith("whsec_")
    assert secret not in NoticeTarget.objects.get().sealed_secret

    changed = api(owner).post(f"{PATH}/{number}", {"on_new_best": True}, method="patch")
    assert (changed.json()["on_new_best"], changed.json()["secret"]) == (True, "")
    assert api(owner).post(f"{PATH}/{number}/test").status_code == 202
    listed = api(owner).get(f"{PATH}/deliveries").json()
    assert [(row["event"], row["status"]) for row in listed] == [("test", "waiting")]

    assert api(other).get(PATH).json() == []
    assert api(other).get(f"{PATH}/deliveries").json() == []
    assert api(other).post(f"{PATH}/{number}/test").status_code == 404
    assert api(other).post(f"{PATH}/{number}", method="delete").status_code == 404
    assert api(owner).post(f"{PATH}/{number}", method="delete").status_code == 204


@pytest.mark.parametrize("url", ["http://example.org", "https://good@evil", "", "file:///etc"])
def test_the_api_refuses_other_addresses_at_their_place(api, make_user, url):
    answer = api(make_user()).post(PATH, {"kind": "webhook", "url": url})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == "url"
