import asyncio
from time import monotonic

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from studies.events import Noted, event_record

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study(make_study):
    study = make_study(status="running")
    for number in (1, 2, 3):
        event_record(study.pk, Noted(text=f"note {number}"))
    return study


@pytest.fixture
def read(api, study):
    """Return a coroutine function: `await read(after=2, wait=5)`."""
    headers = api(study.owner).headers

    async def call(**query):
        address = f"/api/v1/studies/{study.pk}/events"
        return await AsyncClient().get(address, query, headers=headers)

    return call


async def test_events_come_after_the_number_that_is_known(read, study):
    answer = (await read(after=1)).json()

    assert [(e["number"], e["kind"], e["text"]) for e in answer["items"]] == [
        (2, "note", "note 2"),
        (3, "note", "note 3"),
    ]
    assert answer["count"] == 3


async def test_events_are_the_messages_of_the_socket(read, study):
    messages = [event.as_message() async for event in study.events.order_by("number")]

    assert (await read()).json()["items"] == messages


async def test_a_limit_cuts_the_oldest_first(read):
    assert [e["number"] for e in (await read(limit=2)).json()["items"]] == [1, 2]


async def test_what_is_there_is_answered_without_waiting(read):
    started = monotonic()

    answer = (await read(after=2, wait=20)).json()

    assert [e["number"] for e in answer["items"]] == [3]
    assert monotonic() - started < 5


async def test_a_waiting_reader_gets_the_next_event_as_it_happens(read, study):
    started = monotonic()
    waiting = asyncio.create_task(read(after=3, wait=20))
    await asyncio.sleep(0.3)
    assert not waiting.done()

    await sync_to_async(event_record)(study.pk, Noted(text="now"))

    answer = (await waiting).json()
    assert [e["text"] for e in answer["items"]] == ["now"]
    assert answer["count"] == 4
    assert monotonic() - started < 10


async def test_waiting_ends_with_an_empty_answer(read):
    started = monotonic()

    response = await read(after=3, wait=0.6)

    assert (response.status_code, response.json()) == (200, {"items": [], "count": 3})
    assert 0.6 <= monotonic() - started < 5


async def test_waiting_leaves_the_server_free_for_others(read):
    waiting = asyncio.create_task(read(after=3, wait=2))
    ticks = 0
    while not waiting.done():
        await asyncio.sleep(0.1)
        ticks += 1

    assert ticks > 10  # about 20; a wait that blocks the loop leaves 4
