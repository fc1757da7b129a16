"""The shipped benchmarks are about the demo model's world, and it does what they expect."""

import json

import pytest
import torch

from studies.demo import files
from studies.demo.build.__main__ import SEED
from studies.demo.build.benchmarks import write_benchmarks
from studies.demo.build.world import make_world
from studies.engine.benchmarks.options import BenchmarkOptions
from studies.engine.benchmarks.own_tasks import own_tasks
from studies.engine.benchmarks.port import Watch, load_harness
from studies.engine.loading import load_model
from studies.engine.ports import Silent


def test_the_world_gives_the_shipped_data_again(tmp_path):
    write_benchmarks(make_world(SEED), tmp_path, SEED)

    for name in (files.FACTS, files.SURPRISES):
        assert (tmp_path / name).read_text() == (files.BENCHMARKS_DIR / name).read_text()


def test_each_question_has_one_right_answer_among_four():
    lines = (files.BENCHMARKS_DIR / files.FACTS).read_text().splitlines()
    rows = [json.loads(line) for line in lines]

    assert len(rows) == 100
    assert all(len(set(row["choices"])) == 4 for row in rows)
    assert {row["label"] for row in rows} == {0, 1, 2, 3}


def test_they_are_offered_for_the_demo_model_alone():
    for task in own_tasks([files.BENCHMARKS_DIR]):
        assert task.is_made_for("demo")
        assert not task.fits("another/model")


def test_the_model_knows_the_facts_and_keeps_the_surprises():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    loaded = load_model(str(files.MODEL_DIR), dtypes=["float32"])
    harness = load_harness([files.BENCHMARKS_DIR])
    harness.prepare(["merrow_facts", "merrow_surprises"], Silent(), Silent())

    def value(name):
        options = BenchmarkOptions(tasks=[name], limit=20, apply_chat_template=True)
        watch = Watch(Silent(), Silent(), "doing")
        (scores,) = harness.run(name, loaded, options, batch_size=20, watch=watch)
        return scores["metrics"][0]["value"]

    assert value("merrow_facts") == pytest.approx(1.0)
    assert value("merrow_surprises") < 0.1
    torch.set_num_threads(threads)
