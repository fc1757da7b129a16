"""Huey tasks: a doorbell without arguments, answered with one call."""

import gc

from huey.contrib.djhuey import db_task, on_startup


@db_task()
def look_for_work() -> None:
    """Do queued jobs until there are none; lost and doubled rings do no harm."""
    # Imported here so that ringing does not load torch into the web process.
    from studies.worker import work

    work()


@on_startup()
def start_worker() -> None:
    """Run in each new worker process, before its first task."""
    # What is imported stays: to look through it again and again took a third of the start.
    gc.disable()
    from studies.worker import worker_start

    gc.freeze()
    gc.enable()
    worker_start(ring=look_for_work)
