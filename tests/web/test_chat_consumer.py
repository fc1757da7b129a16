"""The socket of a chat: turns and pieces of answers in order, for its owner alone."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from heretic_web.asgi import application
from studies.chatting import chat_event_record, chat_progress_write
from studies.consumers.news import LOGGED_OUT, NOT_VISIBLE
from studies.models import ChatEvent
from studies.relay import relay_get
from tests.web.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)
record = sync_to_async(chat_event_record)


@pytest.fixture
async def connect(client, settings):
    """Return a coroutine function: `await connect(chat, user=owner, after=3)`."""
    settings.ALLOWED_HOSTS = ["localhost"]
    opened = []

    async def open_socket(chat, *, user=None, after=0, origin="http://localhost:8000"):
        headers = {"host": "localhost:8000", "origin": origin}
        if user is not None:
            await sync_to_async(client.force_login)(user)
            headers["cookie"] = f"sessionid={client.cookies['sessionid'].value}"
        socket = Socket(application, f"/ws/chats/{chat.pk}/?after={after}", headers)
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
def new_chat(make_study, make_trial, make_chat):
    return sync_to_async(lambda: make_chat(make_trial(make_study(), 0)))


async def news(socket, count):
    found = []
    while len(found) < count:
        message = await socket.receive()
        if "number" in message:
            found.append((message["number"], message.get("turn")))
    return found


async def test_backlog_then_live_pieces_each_once(new_chat, connect):
    chat = await new_chat()
    for number in range(3):
        await record(chat.pk, "text", {"turn": number})

    socket = await connect(chat, user=chat.owner, after=1)
    await record(chat.pk, "text", {"turn": 7})

    assert await news(socket, 3) == [(2, 1), (3, 2), (4, 7)]


async def test_pieces_of_a_finished_answer_are_not_missed(new_chat, connect):
    chat = await new_chat()
    for number in range(5):
        await record(chat.pk, "text", {"turn": number})
    await sync_to_async(ChatEvent.objects.filter(kind="text").delete)()
    await record(chat.pk, "turn", {"turn": 9})

    socket = await connect(chat, user=chat.owner, after=2)

    assert await news(socket, 1) == [(6, 9)]
    await record(chat.pk, "turn", {"turn": 10})
    assert await news(socket, 1) == [(7, 10)]


async def test_the_loading_of_a_model_is_told(new_chat, connect):
    chat = await new_chat()
    socket = await connect(chat, user=chat.owner)
    assert await socket.receive() == {"kind": "progress"}

    await sync_to_async(chat_progress_write)(chat.pk, {"label": "Loading the model"})

    assert await socket.receive() == {"kind": "progress", "label": "Loading the model"}


async def test_nobody_but_the_owner_listens(new_chat, connect, make_user):
    chat = await new_chat()
    stranger = await sync_to_async(make_user)("stranger")
    staff = await sync_to_async(make_user)("boss", is_staff=True)

    assert await (await connect(chat)).closed_with() == LOGGED_OUT
    assert await (await connect(chat, user=stranger)).closed_with() == NOT_VISIBLE
    assert await (await connect(chat, user=staff)).closed_with() == NOT_VISIBLE


async def test_only_a_page_of_this_origin_gets_in(new_chat, connect):
    chat = await new_chat()

    assert not (await connect(chat, user=chat.owner, origin="http://evil.example")).accepted


async def test_a_deleted_chat_ends_its_socket(new_chat, connect):
    chat = await new_chat()
    group = f"chat.{chat.pk}"
    socket = await connect(chat, user=chat.owner)
    await sync_to_async(chat.delete)()

    # The hint of another process may still be on its way.
    await get_channel_layer().group_send(group, {"type": "chat.changed"})
    assert await socket.closed_with() == NOT_VISIBLE
