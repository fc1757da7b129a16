"""The socket of a study's page: every event once, in order, to those who may see it."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from heretic_web.asgi import application
from studies.consumers import news as consumers
from studies.consumers import study as study_consumer
from studies.consumers.news import BAD_MESSAGES, LOGGED_OUT, MAX_BAD_MESSAGES, NOT_VISIBLE
from studies.consumers.sharing import Shared
from studies.events import Noted, event_record, study_group
from studies.models import Study
from studies.relay import relay_get
from tests.web.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)
record = sync_to_async(event_record)


@pytest.fixture
async def connect(client, settings):
    """Return a coroutine function: `await connect(study, user=owner, after=3)`."""
    settings.ALLOWED_HOSTS = ["localhost", "heretic.example"]
    opened = []

    async def open_socket(study, *, user=None, after=None, path=None, **headers):
        given = {"host": "localhost:8000", "origin": "http://localhost:8000"} | headers
        if user is not None:
            await sync_to_async(client.force_login)(user)
            given["cookie"] = f"sessionid={client.cookies['sessionid'].value}"
        query = "" if after is None else f"?after={after}"
        socket = Socket(application, path or f"/ws/studies/{study.pk}/{query}", given)
        socket.accepted = await socket.connect()
        if socket.accepted:
            opened.append(socket)
        return socket

    yield open_socket
    for socket in opened:
        await socket.disconnect()
    async with asyncio.timeout(5):
        while relay_get().is_running:
            await asyncio.sleep(0.01)


@pytest.fixture
def new_study(make_study):
    return sync_to_async(make_study)


async def numbers(socket, count):
    """Read events until there are `count`; what has no number is progress."""
    found = []
    while len(found) < count:
        message = await socket.receive()
        if "number" in message:
            found.append(message["number"])
    return found


async def test_backlog_then_live_events_each_once(new_study, connect):
    study = await new_study(status="running")
    for number in range(3):
        await record(study.pk, Noted(text=f"note {number}"))

    socket = await connect(study, user=study.owner, after=1)
    await record(study.pk, Noted(text="live"))

    assert await numbers(socket, 3) == [2, 3, 4]
    while not await socket.is_silent():
        assert (await socket.receive())["kind"] == "progress"


async def test_a_long_backlog_arrives_whole(new_study, connect, monkeypatch):
    monkeypatch.setattr(consumers, "EVENTS_AT_ONCE", 2)
    study = await new_study(status="running")
    for number in range(5):
        await record(study.pk, Noted(text=f"note {number}"))

    assert await numbers(await connect(study, user=study.owner), 5) == [1, 2, 3, 4, 5]


async def test_progress_comes_when_it_moved(new_study, connect):
    study = await new_study(status="running", n_finished=3)
    socket = await connect(study, user=study.owner)
    assert (await socket.receive())["kind"] == "progress"

    moved = {"phase": "loading", "label": "Loading", "done": 2, "total": 8}
    await sync_to_async(Study.objects.update)(progress=moved, progress_count=1)

    assert await socket.receive() == {
        **moved,
        "kind": "progress",
        "n_trials": 40,
        "n_finished": 3,
    }


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "1.5", ""])
async def test_a_number_without_sense_means_from_the_start(new_study, connect, after):
    study = await new_study()
    await record(study.pk, Noted(text="first"))

    assert await numbers(await connect(study, user=study.owner, after=after), 1) == [1]


async def test_a_stranger_learns_nothing(new_study, connect, make_user):
    study = await new_study(status="running")
    stranger = await sync_to_async(make_user)("stranger")
    nobodys = "/ws/studies/00000000-0000-4000-8000-000000000000/"

    assert await (await connect(study, user=stranger)).closed_with() == NOT_VISIBLE
    assert await (await connect(study, user=stranger, path=nobodys)).closed_with() == NOT_VISIBLE


async def test_nobody_watches_without_a_login(new_study, connect):
    study = await new_study(status="running")

    assert await (await connect(study)).closed_with() == LOGGED_OUT


async def test_staff_may_watch(new_study, connect, make_user):
    study = await new_study()
    await record(study.pk, Noted(text="first"))
    staff = await sync_to_async(make_user)("boss", is_staff=True)

    assert await numbers(await connect(study, user=staff), 1) == [1]


async def test_a_logout_elsewhere_ends_the_socket(new_study, connect, client, monkeypatch):
    monkeypatch.setattr(consumers, "ACCESS_CHECK_SECONDS", 0.05)
    study = await new_study(status="running")
    socket = await connect(study, user=study.owner)

    await sync_to_async(client.logout)()

    assert await socket.closed_with() == LOGGED_OUT


async def test_a_study_given_away_ends_the_socket(new_study, connect, make_user, monkeypatch):
    monkeypatch.setattr(consumers, "ACCESS_CHECK_SECONDS", 0.05)
    study = await new_study(status="running")
    socket = await connect(study, user=study.owner)

    other = await sync_to_async(make_user)("other")
    await sync_to_async(Study.objects.update)(owner=other)

    assert await socket.closed_with() == NOT_VISIBLE


async def test_a_deleted_study_ends_the_socket(new_study, connect):
    study = await new_study()
    socket = await connect(study, user=study.owner)
    await sync_to_async(study.delete)()

    # The hint of another process may still be on its way.
    await get_channel_layer().group_send(study_group(study.pk), {"type": "study.changed"})
    assert await socket.closed_with() == NOT_VISIBLE


@pytest.mark.parametrize(
    ("origin", "host", "lets_in"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://heretic.example", "heretic.example", True),
        ("http://localhost:9000", "localhost:8000", False),
        ("https://localhost:8000", "localhost:8000", False),
        ("http://evil.example", "localhost:8000", False),
        ("http://evil.example", "evil.example", False),
        ("null", "localhost:8000", False),
        ("", "localhost:8000", False),
        ("http://", "", False),
    ],
)
async def test_only_a_page_of_this_very_origin_gets_in(new_study, connect, origin, host, lets_in):
    study = await new_study()
    socket = await connect(study, user=study.owner, origin=origin, host=host)

    assert socket.accepted is lets_in


async def test_behind_a_tls_proxy_the_origin_is_https(new_study, connect, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    study = await new_study()
    proxied = {"host": "heretic.example", "x-forwarded-proto": "https"}

    good = await connect(study, user=study.owner, origin="https://heretic.example", **proxied)
    bad = await connect(study, user=study.owner, origin="http://heretic.example", **proxied)
    assert (good.accepted, bad.accepted) == (True, False)


@pytest.mark.parametrize("sent", ["no JSON", json.dumps({"type": "start"}), "[" * 50_000])
async def test_bad_messages_are_answered_then_end_the_socket(new_study, connect, sent):
    study = await new_study()
    socket = await connect(study, user=study.owner)
    await socket.receive()  # progress

    for _ in range(MAX_BAD_MESSAGES - 1):
        await socket.send(text=sent)
        assert await socket.receive() == {"type": "error", "code": "bad_message"}
    await socket.send(bytes=b"\x00")

    assert await socket.closed_with() == BAD_MESSAGES


async def test_an_unknown_address_is_refused(new_study, connect):
    study = await new_study()

    assert not (await connect(study, user=study.owner, path="/ws/nothing/")).accepted


async def test_pages_of_one_study_share_the_reading_of_its_events(new_study, connect, monkeypatch):
    read = []
    events_after = study_consumer.events_after

    def counted(study_id, number):
        read.append(number)
        return events_after(study_id, number)

    study = await new_study(status="running")
    await record(study.pk, Noted(text="first"))
    sockets = [await connect(study, user=study.owner) for _ in range(10)]
    for socket in sockets:
        assert await numbers(socket, 1) == [1]
    monkeypatch.setattr(study_consumer, "events_after", counted)

    await record(study.pk, Noted(text="second"))

    for socket in sockets:
        assert await numbers(socket, 1) == [2]
    assert len(read) < len(sockets) / 2
    assert set(read) == {1}


async def test_a_reading_that_has_begun_is_not_joined():
    """It may have looked before the row was there that the second one was told of."""
    shared, begun, go = Shared(), [], asyncio.Event()

    async def read():
        begun.append(len(begun))
        await go.wait()
        return begun[-1]

    async with asyncio.timeout(5):
        first = [asyncio.create_task(shared.read("key", read)) for _ in range(2)]
        while not begun:
            await asyncio.sleep(0)
        later = asyncio.create_task(shared.read("key", read))
        first.pop().cancel()  # takes nothing from the one that waits with it
        while len(begun) < 2:
            await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*first, later)

    assert begun == [0, 1]
