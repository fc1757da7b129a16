"""The relay: news of other processes reach open pages, and cost nothing without them."""

import asyncio
import threading
import uuid

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError, connection

from studies.events import Noted, event_record, study_group
from studies.models import Study
from studies.relay import INTERVAL, Relay, Watch

pytestmark = pytest.mark.django_db(transaction=True)


def in_other_thread(call, *arguments):
    """Run with a database connection of its own, as another process has."""

    def run():
        try:
            call(*arguments)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


async def until(condition, seconds=5):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def relay():
    relay = Relay(INTERVAL)
    yield relay
    relay._viewers.clear()
    await until(lambda: not relay.is_running)


@pytest.fixture
async def group(make_study_async):
    """A study, and a channel that hears its group."""
    study = await make_study_async(status="running")
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(study_group(study.pk), channel)

    async def heard(seconds=2):
        async with asyncio.timeout(seconds):
            return await layer.receive(channel)

    return study, heard


@pytest.fixture
def make_study_async(make_study):
    return sync_to_async(make_study)


async def test_rows_of_another_process_are_announced(relay, group):
    study, heard = group
    relay.join(study.pk)
    assert (await heard())["type"] == "study.changed"  # the first look

    await asyncio.to_thread(in_other_thread, event_record, study.pk, Noted(text="news"))

    assert (await heard())["type"] == "study.changed"


async def test_progress_is_announced_although_it_is_no_event(relay, group):
    study, heard = group
    relay.join(study.pk)
    await heard()

    move = Study.objects.filter(pk=study.pk).update
    await asyncio.to_thread(in_other_thread, lambda: move(progress_count=1))

    assert (await heard())["type"] == "study.changed"


async def test_an_unchanged_study_is_announced_once(relay, group):
    study, heard = group
    relay.join(study.pk)
    relay.join(study.pk)
    await heard()

    await asyncio.to_thread(in_other_thread, lambda: Study.objects.update(name="another name"))

    with pytest.raises(TimeoutError):
        await heard(seconds=INTERVAL * 6)


async def test_it_rests_without_viewers_and_starts_again(relay, group):
    study, heard = group
    relay.join(study.pk)
    await heard()
    relay.leave(study.pk)
    await until(lambda: not relay.is_running)

    await asyncio.to_thread(in_other_thread, event_record, study.pk, Noted(text="unseen"))
    relay.join(study.pk)

    assert relay.is_running
    assert (await heard())["type"] == "study.changed"


async def test_a_viewer_who_comes_while_the_last_leaves_is_served(relay, group):
    study, heard = group
    close = relay._watch.close

    def close_and_come():
        relay._watch.close = close
        close()
        relay._viewers[study.pk] += 1  # what join() does while the task still ends

    relay._watch.close = close_and_come
    relay.join(study.pk)
    await heard()
    relay.leave(study.pk)

    assert (await heard())["type"] == "study.changed"


async def test_it_survives_a_database_that_fails_for_a_moment(relay, group, monkeypatch):
    monkeypatch.setattr("studies.relay.INTERVAL_AFTER_FAULT", 0.05)
    study, heard = group
    tails = relay._watch.tails
    failures = iter([OperationalError("the server closed the connection")])

    def fail_once(study_ids):
        for failure in failures:
            raise failure
        return tails(study_ids)

    relay._watch.tails = fail_once
    relay.join(study.pk)

    assert (await heard())["type"] == "study.changed"


def test_nothing_is_read_while_nothing_changed(make_study, django_assert_num_queries):
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's data_version saves the query")
    study = make_study()
    watch = Watch()
    assert watch.tails([study.pk]) is not None

    with django_assert_num_queries(1) as queries:
        assert watch.tails([study.pk]) is None
    assert "data_version" in queries.captured_queries[0]["sql"]

    in_other_thread(event_record, study.pk, Noted(text="news"))
    assert watch.tails([study.pk])[study.pk].event_count == 1


def test_another_set_of_studies_is_always_read(make_study):
    study = make_study()
    watch = Watch()
    watch.tails([uuid.uuid4()])

    assert study.pk in watch.tails([study.pk])


def test_each_change_by_others_is_seen_however_many_follow(make_study):
    study = make_study(status="running")
    watch = Watch()

    def look():
        tails = watch.tails([study.pk])
        return tails and tails[study.pk].event_count

    assert look() == 0
    for number in range(1, 9):
        in_other_thread(event_record, study.pk, Noted(text="news"))
        assert look() == number
        if connection.vendor == "sqlite":
            assert look() is None
