"""Runs a worker: Huey's own command, whose processes end with it."""

import ctypes
import os
import signal

from huey.contrib.djhuey.management.commands import run_huey

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


class Command(run_huey.Command):  # type: ignore[misc]  # huey has no types
    """`manage.py run_huey`."""

    def handle(self, *args: object, **options: object) -> None:
        forking: list[int] = []  # the process that forks
        # Orphans of a killed consumer would keep the device and go on taking work.
        os.register_at_fork(
            before=lambda: forking.append(os.getpid()),
            after_in_parent=forking.clear,
            after_in_child=lambda: _die_with(forking.pop()),
        )
        super().handle(*args, **options)


def _die_with(parent: int) -> None:
    """Have the system end this process when its parent ends (Linux; elsewhere leases do)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it has ended already
            os.kill(os.getpid(), signal.SIGKILL)
