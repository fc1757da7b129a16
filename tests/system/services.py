"""PostgreSQL and Redis servers of the tests' own, on free ports and thrown away afterwards."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

START_SECONDS = 20


def needed(name, found):
    """Skip where a system package is missing; fail where all must be there."""
    if found:
        return found
    message = f"{name} is not installed"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
    return None


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def wait_for_port(port):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.closing(socket.socket()) as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


@contextlib.contextmanager
def redis_url():
    binary = needed("Redis", shutil.which("redis-server"))
    port = free_port()
    server = subprocess.Popen(
        [binary, "--port", str(port), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def postgres_url():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [
        Path(path).parent for path in [shutil.which("initdb")] if path
    ]
    binaries = needed("PostgreSQL", found)[-1]
    folder = tempfile.mkdtemp(prefix="heretic-postgres-")
    user = "postgres" if os.geteuid() == 0 else None  # its server refuses to run as root
    if user:
        shutil.chown(folder, user)
    port = free_port()
    data = f"{folder}/data"
    run = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
    setup = [binaries / "initdb", "-D", data, "-U", "heretic", "-A", "trust", "--no-sync"]
    subprocess.run(setup, check=True, **run)
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-F"],
        stderr=subprocess.DEVNULL,
        **run,
    )
    try:
        wait_for_port(port)
        yield f"postgresql://heretic@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)
