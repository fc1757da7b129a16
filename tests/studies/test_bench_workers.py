"""The benchmark of several workers on one study."""

import json
import os
import sys
from contextlib import nullcontext
from itertools import count
from subprocess import PIPE, Popen

import pytest

from studies.bench import workers


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Run the command; its installation answers without workers, with what is given by name."""

    class Answering:
        def __init__(self, folder):
            self.status, self.by_helpers = "completed", 5

        set_up = staticmethod(lambda: None)

        def part(self, name, *, n_workers, n_trials, **options):
            seconds = [number / n_workers for number in range(n_trials)]
            helped = self.by_helpers if n_workers > 1 else 0
            return {"status": self.status, "finished": seconds, "by_helpers": helped}

        @staticmethod
        def working(environment):
            return nullcontext(os.getpid())

    def run(**answers):
        file = tmp_path / "found.json"
        made, used = Answering(tmp_path), count()
        vars(made).update(answers)
        monkeypatch.setattr(workers, "Installation", lambda folder: made)
        monkeypatch.setattr(workers, "processor_seconds", lambda pids: 80 * next(used))
        monkeypatch.setattr(
            "sys.argv", ["bench", "--trials", "80", "--rounds", "2", "--json", str(file)]
        )
        workers.main()
        return json.loads(file.read_text())

    return run


def test_the_ratio_is_that_of_trials_per_minute(measured):
    found = measured()
    assert found["ratios"] == pytest.approx([2, 2])
    assert found["medians"]["one"] == {"rate": 60, "processor": 1}
    assert found["medians"]["several"] == {"rate": 120, "processor": 1}


def test_a_study_that_nobody_helped_with_says_nothing(measured):
    with pytest.raises(SystemExit, match="before another worker could help"):
        measured(by_helpers=0)


def test_a_failed_study_says_nothing(measured):
    with pytest.raises(SystemExit, match="has failed"):
        measured(status="failed")


def test_processor_time_is_that_of_a_process_and_of_those_that_it_has_started():
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    command = (sys.executable, "-c", code)
    before = workers.processor_seconds([os.getpid()])
    with Popen(command, stdin=PIPE, stdout=PIPE) as child:
        child.stdout.readline()
        spent = workers.processor_seconds([os.getpid()]) - before
        child.communicate(b"\n")
    assert spent > 0.2


def test_the_rate_leaves_out_how_a_study_begins_and_ends():
    finished = [*range(40), *(40 + number / 10 for number in range(55)), *range(60, 110, 10)]
    assert workers.trials_per_minute(finished) == pytest.approx(600)
