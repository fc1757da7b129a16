"""A whole installation in a folder of its own: real web server, real worker, real browser."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from filelock import FileLock

from tests.browser import chromium  # noqa: F401 - a fixture
from tests.system.services import free_port

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
START_SECONDS = 90
LEASE_SECONDS = "6"


def wait_for(condition, seconds, what):
    """Return the first true value of `condition`, asked several times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.1)
    pytest.fail(f"waited {seconds} s for {what}")


class Installation:
    """`make run` in pieces, so that each part can be killed and started again.

    It begins with a quickstart, or as a copy of one that has nothing but that behind it.
    """

    def __init__(self, folder, *, begun=None, **environment):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")}
        self.environment = inherited | {
            "HERETIC_DATA_DIR": str(folder),
            "HERETIC_LEASE_SECONDS": LEASE_SECONDS,
            "PORT": str(self.port),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self.processes = []
        self.web = self.worker = None
        if begun:
            shutil.copytree(begun.folder, folder, dirs_exist_ok=True)
            self.password, self.token = begun.password, begun.token
        else:
            told = self.manage("quickstart")
            self.password = re.search(r"with the password (\S+)", told)[1]
            self.token = self.manage("create_api_token", "admin", "--name", "tests").split()[-1]
        self._client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )

    def manage(self, *arguments):
        done = subprocess.run(
            [*MANAGE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_web(self):
        self.web = self._start("web", "serve")
        wait_for(self._answers, START_SECONDS, "the web server")

    def start_worker(self):
        self.worker = self._start("worker", "run_huey")
        wait_for(self.workers, START_SECONDS, "the worker")

    def revive(self):
        """Start what has not been started, or was killed."""
        for process, start in ((self.web, self.start_web), (self.worker, self.start_worker)):
            if process is None or process.poll() is not None:
                start()

    def workers(self):
        """The workers that the product itself reports as alive."""
        rows = self.client().get("/api/v1/health").json()["workers"]
        return [row for row in rows if row["seen_seconds_ago"] < 5]

    def client(self):
        return self._client

    def study(self, study_id):
        return self.client().get(f"/api/v1/studies/{study_id}").raise_for_status().json()

    def wait_for_study(self, study_id, condition, seconds, what):
        def look():
            study = self.study(study_id)
            return study if condition(study) else None

        return wait_for(look, seconds, what)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def close(self):
        self._client.close()
        for process in self.processes:
            kill_tree(process)

    def _start(self, name, *arguments):
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [*MANAGE, *arguments],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def _answers(self):
        try:
            return self.client().get("/api/v1/health").is_success
        except httpx.TransportError:
            return False


def kill_tree(process):
    """kill -9 a process with its children, as a crash of the machine would."""
    with contextlib.ExitStack() as stack:
        stack.callback(process.wait)
        try:
            children = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        for victim in [process, *children]:
            try:
                os.kill(victim.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself


@pytest.fixture(scope="session")
def begun(tmp_path_factory, worker_id):
    """An installation as quickstart leaves it, to be copied; one for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder, told = shared / "begun", shared / "begun.json"
    with FileLock(shared / "begun.lock"):
        if not told.exists():
            folder.mkdir()
            made = Installation(folder)
            made.close()
            told.write_text(json.dumps({"password": made.password, "token": made.token}))
    return SimpleNamespace(folder=folder, **json.loads(told.read_text()))


@pytest.fixture
def installation(begun, tmp_path):
    """An installation with nothing started yet."""
    made = Installation(tmp_path / "data", begun=begun)
    yield made
    made.close()


def visitor_of(running, browser):
    """Yield a browser's context at the running product, logged in by hand; nothing may complain.

    It closes its pages: alone, Chromium may never close one that is just going elsewhere.
    """
    context = browser.new_context(base_url=running.url)
    complaints = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page = context.new_page()
    page.goto("/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", running.password)
    page.click("[type=submit]")
    page.wait_for_url("/")
    yield context
    context.close()
    assert complaints == []
