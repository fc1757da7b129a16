"""Tells the workers that there is work."""

from django.db import transaction

from studies import tasks


def ring_after_commit() -> None:
    """Tell the workers, once this transaction has committed, that there is work."""

    def ring() -> None:  # not a partial: Django logs __qualname__ when it fails
        tasks.look_for_work()

    # robust: without the queue the workers' own look-out finds the job a little later.
    transaction.on_commit(ring, robust=True)
