"""An installation of the product that a benchmark has to itself, on SQLite in a folder."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError

import psutil

Json = dict[str, Any]
MARK: Final = "only-for-a-benchmark"  # a file in the data folder
FILLED: Final = "filled.json"  # another: what filling has said
ROOT: Final = Path(__file__).resolve().parents[2]
OTHERS: Final = ("DATABASE_URL", "REDIS_URL", "DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS")
LOOK_EVERY: Final = 0.01  # seconds
STARTS_WITHIN: Final = 120  # seconds
ENDS_WITHIN: Final = 20  # seconds


class StartError(RuntimeError):
    """The web process ended or said nothing."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Its data folder; what the environment says of the user's own database is left out."""

    folder: Path

    def set_up(self) -> None:
        """Make the database, as `make run` does; one that is there is brought up to date."""
        self._mark()
        self._manage("quickstart")

    def fill(self, **size: int) -> Json:
        """Set it up and fill it, unless an earlier benchmark has; say what it holds."""
        file = self.folder / FILLED
        if file.exists():
            self.set_up()
        else:
            self._mark()
            file.write_text(json.dumps(self.part("fill", **size)))
        answer: Json = json.loads(file.read_text())
        return answer

    def _mark(self) -> None:
        """Say that nothing else is to be kept here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARK).touch()

    def part(self, name: str, **options: object) -> Json:
        """Have one part of the benchmark done in a process of its own."""
        answer: Json = json.loads(self._manage("bench_part", name, json.dumps(options)))
        return answer

    def part_begun(self, name: str, **options: object) -> subprocess.Popen[bytes]:
        """Begin one part, and go on meanwhile."""
        command = [*MANAGE, "bench_part", name, json.dumps(options)]
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            command, cwd=ROOT, env=self._environment(), stdout=subprocess.DEVNULL
        )

    @property
    def size(self) -> int:
        """Bytes of the database, with what is not yet in its place."""
        return sum(file.stat().st_size for file in self.folder.glob("heretic.sqlite3*"))

    @contextmanager
    def served(self) -> Iterator["Server"]:
        """Run the web process until the end of the block."""
        port = _free_port()
        begun = time.perf_counter()
        with self._running("serve", "--port", str(port)) as process:
            address = f"127.0.0.1:{port}"
            _wait_for(f"http://{address}/api/v1/health", process)
            yield Server(address, process.pid, time.perf_counter() - begun)

    @contextmanager
    def working(self, environment: Mapping[str, str]) -> Iterator[int]:
        """Run a worker until the end of the block, with something more in its environment.

        Gives its process id.
        """
        with self._running("run_huey", **environment) as process:
            yield process.pid

    @contextmanager
    def _running(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(  # noqa: S603
            [*MANAGE, *arguments],
            cwd=ROOT,
            env=self._environment() | more,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _manage(self, *arguments: str) -> bytes:
        done = subprocess.run(  # noqa: S603
            [*MANAGE, *arguments],
            cwd=ROOT,
            env=self._environment(),
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in OTHERS}
        own = {name: value for name, value in own.items() if not name.startswith("HERETIC_")}
        return own | {"HERETIC_DATA_DIR": str(self.folder), "HF_HUB_OFFLINE": "1"}


MANAGE: Final = (sys.executable, "manage.py")


@dataclass(frozen=True, slots=True)
class Server:
    """A running web process."""

    address: str  # host:port
    pid: int
    start_seconds: float  # from its start to its first answer

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def processor_seconds(self) -> float:
        """What it has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def idle_share(self, seconds: float) -> float:
        """How much of one core it uses while nobody asks for anything."""
        before, begun = self.processor_seconds, time.perf_counter()
        time.sleep(seconds)
        return (self.processor_seconds - before) / (time.perf_counter() - begun)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise StartError(f"The web process ended with {process.returncode}.")
        try:
            with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - the address is our own
                return
        except (URLError, OSError):
            time.sleep(LOOK_EVERY)
    raise StartError(f"No answer within {STARTS_WITHIN} seconds.")
