"""The worker process: takes jobs while there are any, keeps their leases alive.

A watch thread gives signs of life every few seconds, so a long generation does not expire a
lease, and looks for work that no doorbell announced.
"""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import torch
from django.conf import settings
from django.db import close_old_connections
from django.db.models.functions import Now

from studies import runner
from studies.courier import courier_start
from studies.jobs import Lease, LeaseLostError, job_claim, jobs_reap, worker_jobs_release
from studies.models import Job, Worker
from studies.uploading import tokens_forget

logger = logging.getLogger(__name__)
BEAT = settings.LEASE_SECONDS / 6  # seconds; several beats may fail before a lease ends
FORGOTTEN = timedelta(days=1)  # after which a silent worker's row is removed


def new_worker_id() -> str:
    """Name this process: where it can be seen, process id and a token, since ids come again."""
    return f"{_neighbourhood()}:{os.getpid()}:{secrets.token_hex(4)}"


def _neighbourhood() -> str:
    """Name the set of processes that can see each other: containers may share a host's name."""
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}-{inode}"


class Watch:
    """What the watch thread and the working thread tell each other."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._lease: Lease | None = None
        self.lease_lost = threading.Event()
        self.id = new_worker_id()
        # torch is used by the working thread only; its device does not change.
        self._device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"

    def start(self) -> None:
        """Start the thread; its first beat registers the worker."""
        threading.Thread(target=self._beat_forever, name="watch", daemon=True).start()

    def working_on(self, lease: Lease | None) -> None:
        """Say which lease to keep alive; None: the worker is idle."""
        self.lease_lost.clear()
        self._lease = lease
        self._sign()

    def _sign(self) -> None:
        """Give a sign of life."""
        news = {"state": "busy" if self._lease else "idle", "seen_at": Now()}
        first = {"device": self._device, "started_at": Now(), **news}
        Worker.objects.update_or_create(id=self.id, defaults=news, create_defaults=first)

    def _beat_forever(self) -> None:
        pause = threading.Event()
        while True:
            try:
                close_old_connections()
                self._beat()
            except Exception:  # whatever it is, the next beat must come
                logger.exception("a beat of the worker failed")
            pause.wait(BEAT)

    def _beat(self) -> None:
        self._sign()
        if lease := self._lease:
            try:
                lease.renew()
            except LeaseLostError:
                if lease == self._lease:
                    self.lease_lost.set()
        Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN).delete()
        _release_dead_neighbours()
        jobs_reap()
        tokens_forget()
        if not self._lease and Job.objects.filter(status=Job.Status.QUEUED).exists():
            self._ring()


_watch: Watch | None = None


def worker_start(ring: Callable[[], object]) -> None:
    """Prepare this worker process; `ring` asks it to look for work."""
    global _watch
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.COMPILED_DIR))
    _watch = Watch(ring)
    _watch.start()
    courier_start()


def work() -> None:
    """Do queued jobs, one after the other, until there are none."""
    assert _watch is not None, "worker_start comes first"
    while lease := job_claim(_watch.id):
        try:
            _watch.working_on(lease)
            runner.run(lease, lease_lost=_watch.lease_lost)
        finally:
            _watch.working_on(None)


def _release_dead_neighbours() -> None:
    """End the leases of workers of this machine whose process is gone, without waiting.

    A process id that was given to another process meanwhile hides a death; the lease's end
    then tells of it a little later.
    """
    mine = f"{_neighbourhood()}:"
    for name in Worker.objects.filter(id__startswith=mine).values_list("id", flat=True):
        if not _is_process(int(name.split(":")[-2])):
            worker_jobs_release(name)
            Worker.objects.filter(id=name).delete()


def _is_process(pid: int) -> bool:
    try:
        # A container without an init keeps its dead as zombies.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
